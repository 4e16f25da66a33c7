package flat

import (
	"encoding/hex"
	"hash"
	"hash/fnv"
	"slices"

	"rampart/engine/ir"
	"rampart/model"
)

// Build flattens every group of a program. The result depends on the program's groups alone: not on set members.
func Build(p *ir.Program) *Program {
	b := builder{lists: map[ID]*List{}}
	out := &Program{Heads: make(map[ir.GroupID]*List, len(p.Groups))}
	for _, g := range p.Groups {
		out.Heads[g.ID] = b.group(g)
	}
	for _, g := range p.Groups {
		b.visit(out.Heads[g.ID], &out.Lists)
	}
	slices.Reverse(out.Lists)
	return out
}

// Of flattens one group.
func Of(g *ir.Group) *List {
	b := builder{lists: map[ID]*List{}}
	return b.group(g)
}

// builder shares equal lists.
type builder struct {
	lists   map[ID]*List
	visited map[*List]bool
}

// visit appends lists after those they go to.
func (b *builder) visit(l *List, out *[]*List) {
	if b.visited == nil {
		b.visited = map[*List]bool{}
	}
	if b.visited[l] {
		return
	}
	b.visited[l] = true
	for _, next := range l.nexts() {
		b.visit(next, out)
	}
	*out = append(*out, l)
}

func (l *List) nexts() []*List {
	var out []*List
	for i := range l.Entries {
		if n := l.Entries[i].Next; n != nil && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	if l.End.Next != nil && !slices.Contains(out, l.End.Next) {
		out = append(out, l.End.Next)
	}
	return out
}

// stage is a tier or a profile: rules, what follows when none decides, and whether Pass leads to the same place.
type stage struct {
	name  string
	rules []Entry // Pass rules have the verdict Goto and no Next yet
	// end is what happens when no rule decides; nil: the next stage.
	end *End
}

// group builds from the last stage to the first, so that a Pass has a list to go to.
func (b *builder) group(g *ir.Group) *List {
	stages, end := stagesOf(g)
	tail := &List{Name: end.Why, End: end}
	for _, s := range slices.Backward(stages) {
		tail = b.prepend(s, tail)
	}
	return b.share(tail)
}

// prepend puts a stage before what follows it. tail has not been shared yet.
func (b *builder) prepend(s stage, tail *List) *List {
	l := &List{Name: s.name}
	rules, shadowed := reachable(s.rules)
	falls := s.end == nil || len(shadowed) > 0 || endsInAll(rules)
	skips := false // some Pass skips rules of its stage, or the stage's default
	for i := range rules {
		if rules[i].Verdict != Goto {
			continue
		}
		if falls && onlyPass(rules[i:]) {
			// Nothing but Pass follows, and then the next stage: the rule only counts.
			rules[i].Verdict = Nothing
			continue
		}
		skips = true
	}
	l.Entries, l.Shadowed = rules, shadowed
	switch {
	case skips:
		next := b.share(tail)
		for i := range rules {
			if rules[i].Verdict == Goto {
				rules[i].Next = next
			}
		}
		l.End = End{Verdict: Goto, Next: next}
		if s.end != nil && !passesAll(rules) {
			l.End = *s.end
		}
	case s.end != nil && !passesAll(rules):
		l.End = *s.end
	default:
		if len(l.Entries) == 0 {
			l.Name = tail.Name
		}
		l.Entries = append(l.Entries, tail.Entries...)
		l.Shadowed = append(l.Shadowed, tail.Shadowed...)
		l.End = tail.End
	}
	if n := len(l.Entries); n > 0 && !l.Entries[n-1].passes() {
		return l
	}
	return l
}

// share returns the one list with this content.
func (b *builder) share(l *List) *List {
	l.ID = l.digest()
	if same := b.lists[l.ID]; same != nil {
		return same
	}
	b.lists[l.ID] = l
	return l
}

func (l *List) digest() ID {
	h := fnv.New64a()
	for i := range l.Entries {
		e := &l.Entries[i]
		number(h, uint64(e.Rule.ID))
		number(h, uint64(e.Rule.Index)<<16|uint64(e.Verdict)<<8)
		if e.Next != nil {
			h.Write([]byte(e.Next.ID))
		}
	}
	h.Write([]byte{0xff, byte(l.End.Verdict)})
	h.Write([]byte(l.End.Why))
	if l.End.Next != nil {
		h.Write([]byte(l.End.Next.ID))
	}
	return ID(hex.EncodeToString(h.Sum(nil)))
}

func number(h hash.Hash, v uint64) {
	var b [8]byte
	for i := range b {
		b[i] = byte(v >> (8 * i))
	}
	h.Write(b[:])
}

var _ = model.Allow
