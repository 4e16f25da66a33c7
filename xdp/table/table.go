package table

import (
	"cmp"
	"fmt"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/engine/ir/span"
	"rampart/model"
	"rampart/xdp/classify"
)

// Ruling is what a table says of a packet.
type Ruling uint8

// The rulings.
const (
	// Pass: nftables must decide.
	Pass Ruling = iota
	Allow
	Deny
	// Continue: the layer has no say.
	Continue
	// another goes on with the next list; callers never see it.
	another
)

// String is the ruling in lower case.
func (r Ruling) String() string {
	return [...]string{"pass", "allow", "deny", "continue", "another"}[r]
}

// Denier is something that denies packets: a rule, or a default (Rule is 0). What it is called and where it was written
// changes more often than what it denies, and is left to those who know rules by their identifiers.
type Denier struct {
	Rule model.RuleID
	// Counter is what its packets are counted under: Rule, or the default's identifier.
	Counter model.RuleID
}

// Deniers numbers the deniers of the tables that are built with it. Equal ones share a number.
type Deniers struct {
	list  []Denier
	index map[Denier]uint32
}

// List is the deniers by number.
func (d *Deniers) List() []Denier { return d.list }

func (d *Deniers) number(x Denier) uint32 {
	if n, ok := d.index[x]; ok {
		return n
	}
	if d.index == nil {
		d.index = map[Denier]uint32{}
	}
	n := uint32(len(d.list))
	d.index[x] = n
	d.list = append(d.list, x)
	return n
}

// Answer is a ruling and, for Deny, the denier's number.
type Answer struct {
	Ruling Ruling
	Denier uint32
}

// Table answers for one group of policies.
type Table struct{ head *stage }

// stage is one list.
type stage struct {
	list   *flat.List
	v4, v6 *classify.Classifier
	// places are those of the list's entries, in order.
	places []place
	// outcomes are indexed by the classifiers' values.
	outcomes []outcome
	end      outcome
	// sets are those that the entries were expanded with; whole tells that no limit on the whole list had a say in it.
	sets  func(ir.SetID) *ir.Set
	whole bool
}

// place is where an entry is in the classifiers.
type place struct {
	// key stands for everything that decides which packets the entry matches and what becomes of them.
	key      uint64
	priority uint64
	value    uint32
}

type outcome struct {
	Answer
	next *stage
}

// Builder builds the tables of one program; equal lists are built once.
type Builder struct {
	// Sets finds the program's sets.
	Sets    func(ir.SetID) *ir.Set
	Limits  Limits
	Deniers *Deniers
	// Previous is the builder of the program before, with the same Deniers and Limits: what has not changed is taken from
	// it, and a list that has changed a little is changed a little.
	Previous *Builder
	stages   map[flat.ID]*stage
	// Built, Kept and Changed count lists.
	Built, Kept, Changed int
}

// Build makes the table of a list.
func (b *Builder) Build(l *flat.List) (*Table, error) {
	b.Limits.EntryBoxes = cmp.Or(b.Limits.EntryBoxes, defaultEntryBoxes)
	b.Limits.Boxes = cmp.Or(b.Limits.Boxes, defaultBoxes)
	if b.stages == nil {
		b.stages = map[flat.ID]*stage{}
	}
	s, err := b.stage(l)
	if err != nil {
		return nil, err
	}
	return &Table{s}, nil
}

func (b *Builder) stage(l *flat.List) (*stage, error) {
	if s := b.stages[l.ID]; s != nil {
		return s, nil
	}
	keys := make([]uint64, len(l.Entries))
	for i := range l.Entries {
		keys[i] = b.key(&l.Entries[i])
	}
	s := &stage{list: l, sets: b.Sets}
	var err error
	if s.end, err = b.outcome(l.End.Verdict, l.End.Next, Denier{0, ir.DefaultID(ir.ListDefault(l.End.Why, string(l.ID)))}); err != nil {
		return nil, err
	}
	done, err := b.change(s, keys)
	if err == nil && !done {
		err = b.build(s, keys)
	}
	if err != nil {
		return nil, fmt.Errorf("match table %s: %w", l.Name, err)
	}
	b.stages[l.ID] = s
	return s, nil
}

// build makes a stage from nothing.
func (b *Builder) build(s *stage, keys []uint64) error {
	s.places, s.outcomes, s.whole = make([]place, len(keys)), make([]outcome, len(keys)), true
	for i, key := range keys {
		o, err := b.entryOutcome(&s.list.Entries[i])
		if err != nil {
			return err
		}
		s.places[i], s.outcomes[i] = place{key: key, priority: uint64(i+1) << 32, value: uint32(i)}, o
	}
	for _, f := range []family{4, 6} {
		x := b.expander(f, b.Sets)
		var rules []classify.Rule
		for i := range s.list.Entries {
			rules = append(rules, x.entry(&s.list.Entries[i], s.places[i])...)
		}
		s.whole = s.whole && x.boxes < x.limits.Boxes
		c, err := classify.Build(f == 6, rules)
		if err != nil {
			return err
		}
		s.set(f, c)
	}
	b.Built++
	return nil
}

func (s *stage) set(f family, c *classify.Classifier) {
	if f == 4 {
		s.v4 = c
	} else {
		s.v6 = c
	}
}

func (s *stage) get(f family) *classify.Classifier {
	if f == 4 {
		return s.v4
	}
	return s.v6
}

func (b *Builder) entryOutcome(e *flat.Entry) (outcome, error) {
	return b.outcome(e.Verdict, e.Next, Denier{e.Rule.ID, e.Rule.ID})
}

func (b *Builder) outcome(v flat.Verdict, next *flat.List, d Denier) (o outcome, err error) {
	switch v {
	case flat.Allow:
		o.Ruling = Allow
	case flat.Deny:
		o.Answer = Answer{Deny, b.Deniers.number(d)}
	case flat.Continue:
		o.Ruling = Continue
	case flat.Goto:
		o.Ruling = another
		o.next, err = b.stage(next)
	}
	return o, err
}

func (b *Builder) expander(f family, sets func(ir.SetID) *ir.Set) *expander {
	return &expander{family: f, sets: sets, known: map[ir.SetID]span.Set{}, limits: b.Limits}
}

// uncertain is the value of boxes that are not exactly a rule's.
const uncertain = classify.NoMatch - 1

// entry makes the boxes of an entry at its place.
func (x *expander) entry(e *flat.Entry, at place) []classify.Rule {
	// An entry that only counts has no say in what becomes of a packet; one that logs must see it in nftables.
	if e.Verdict == flat.Nothing && !e.Log {
		return nil
	}
	boxes, exact := x.expand(&e.Rule.Match)
	if !exact || e.Log || e.HTTP {
		at.value = uncertain
	}
	for i := range boxes {
		boxes[i].Priority, boxes[i].Value = at.priority, at.value
	}
	return boxes
}

// Bytes is the memory of the table's classifiers.
func (t *Table) Bytes() int {
	total, seen := 0, map[*stage]bool{}
	var add func(s *stage)
	add = func(s *stage) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		total += s.v4.Bytes() + s.v6.Bytes()
		for i := range s.outcomes {
			add(s.outcomes[i].next)
		}
		add(s.end.next)
	}
	add(t.head)
	return total
}

// Lookup4 answers for IPv4 packets: answers[i] for keys[i]. values is scratch of the same length. It does not allocate and
// may run in many goroutines.
func (t *Table) Lookup4(keys []classify.Key4, answers []Answer, values []uint32) {
	t.head.v4.Lookup4(keys, values)
	for i := range keys {
		o := t.head.outcome(values[i])
		for o.Ruling == another {
			var v [1]uint32
			o.next.v4.Lookup4(keys[i:i+1], v[:])
			o = o.next.outcome(v[0])
		}
		answers[i] = o.Answer
	}
}

// Lookup6 is Lookup4 for IPv6.
func (t *Table) Lookup6(keys []classify.Key6, answers []Answer, values []uint32) {
	t.head.v6.Lookup6(keys, values)
	for i := range keys {
		o := t.head.outcome(values[i])
		for o.Ruling == another {
			var v [1]uint32
			o.next.v6.Lookup6(keys[i:i+1], v[:])
			o = o.next.outcome(v[0])
		}
		answers[i] = o.Answer
	}
}

func (s *stage) outcome(v uint32) outcome {
	switch v {
	case classify.NoMatch:
		return s.end
	case uncertain:
		return outcome{}
	}
	return s.outcomes[v]
}
