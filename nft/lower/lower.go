package lower

import (
	"cmp"
	"iter"
	"slices"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

// Defaults of Options.
const (
	DefaultTable   = "rampart"
	DefaultMark    = 1 << 28
	DefaultSnaplen = 128
)

// Options are the settings of a lowering that do not change what is allowed. Zero values mean the defaults.
type Options struct {
	// Table is the table's name.
	Table string
	// Mark is the bit of the packet mark that tells later chains that an untracked or preDNAT policy has allowed a
	// packet. It is used only when there are such policies; nothing else on the host may use the bit.
	Mark uint32
	// Snaplen is how many octets of a packet Log rules send.
	Snaplen uint32
	// Group lowers one group; nil is Walk.
	Group GroupFunc
	// Previous is the last lowering of the same table with the same Group, nil when there is none. What has not changed
	// since is taken from it, objects and all, so that comparing the two costs little.
	Previous *Lowered
}

// Lowered is a program as nftables objects.
type Lowered struct {
	*ruleset.Ruleset
	// Objects is the ruleset's Size.
	Objects ruleset.Size
	// Names says what each counter counts: a rule as RuleRef writes it, a default, or a built-in rule.
	Names map[model.RuleID]string
	// Logs tells that some rule logs.
	Logs bool

	memory *memory
}

// Program is what was lowered.
func (l *Lowered) Program() *ir.Program { return l.memory.program }

// Lower turns a sealed program into a table. Equal programs give equal tables, whether there is a previous one or not,
// up to the order of sets and chains: with a previous one, what is new comes last.
func Lower(p *ir.Program, o Options) *Lowered {
	o.Table = cmp.Or(o.Table, DefaultTable)
	o.Mark = cmp.Or(o.Mark, DefaultMark)
	o.Snaplen = cmp.Or(o.Snaplen, DefaultSnaplen)
	if o.Group == nil {
		o.Group = Walk
	}
	var last Lowered
	if last.Ruleset = (&ruleset.Ruleset{}); o.Previous != nil {
		last = *o.Previous
	}
	b := newBuilder(p, o)
	l := b.remake()
	*b = Builder{} // plans of lists keep functions that hold it, and it holds the last lowering
	if l == nil {
		b = newBuilder(p, o)
		l = b.lower()
		*b = Builder{}
	}
	l.Objects = l.SizeAfter(last.Ruleset, last.Objects)
	return l
}

// lower makes the whole table, of fragments made now and others taken over.
func (b *Builder) lower() *Lowered {
	b.stages()
	l := &Lowered{Ruleset: b.rs, Names: b.allNames(), Logs: b.logs}
	if b.old == nil {
		l.Sort()
	} else {
		// What stays keeps its place, so that two tables are compared place by place.
		last := b.options.Previous
		l.Sets = inNamesakes(last.Sets, l.Sets, b.sets, func(s *ruleset.Set) string { return s.Name })
		l.Chains = inNamesakes(last.Chains, l.Chains, b.chains, func(c *ruleset.Chain) string { return c.Name })
	}
	o := b.options
	o.Previous = nil
	l.memory = &memory{
		program: b.program, options: o, sets: b.madeSets, fragments: b.fragments, roster: b.endpoints, maps: b.maps,
		names: l.Names, peopled: b.peopled,
	}
	return l
}

// inPlace is a list of objects with others in their places. next says what takes the place of one, nil when it goes; come are
// new. These take the places of what goes, and so does the end of the list when there are not enough of them: everything else
// stays where it is.
func inPlace[T any](list []*T, next func(*T) *T, come iter.Seq[*T]) []*T {
	out, holes := make([]*T, 0, len(list)), []int(nil)
	for _, x := range list {
		if x = next(x); x == nil {
			holes = append(holes, len(out))
		}
		out = append(out, x)
	}
	for x := range come {
		if len(holes) > 0 {
			out[holes[0]], holes = x, holes[1:]
		} else {
			out = append(out, x)
		}
	}
	for _, hole := range slices.Backward(holes) {
		end := len(out) - 1
		out[hole], out = out[end], out[:end]
	}
	return out
}

// inNamesakes is a list in the places of an earlier one's objects of the same names. byName has the list, and is used up.
func inNamesakes[T any](earlier, list []*T, byName map[string]*T, name func(*T) string) []*T {
	return inPlace(earlier, func(x *T) *T {
		now := byName[name(x)]
		delete(byName, name(x))
		return now
	}, func(yield func(*T) bool) {
		for _, x := range list {
			if byName[name(x)] != nil && !yield(x) {
				return
			}
		}
	})
}

// Sort puts base chains first, in the order of the stages, and everything else in the order of names. A table that is
// loaded as a whole should be sorted; one that is only compared need not.
func (l *Lowered) Sort() {
	slices.SortFunc(l.Sets, func(x, y *ruleset.Set) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortStableFunc(l.Chains, func(x, y *ruleset.Chain) int {
		switch {
		case x.Base != nil && y.Base != nil:
			return 0
		case x.Base != nil:
			return -1
		case y.Base != nil:
			return 1
		}
		return cmp.Compare(x.Name, y.Name)
	})
}

// Verdicts are what allow and deny mean in one stage.
type Verdicts struct{ Allow, Deny ruleset.Verdict }

type groupKey struct {
	group    *ir.Group
	verdicts Verdicts
}

// GroupFunc lowers one group of policies and returns the name of the chain that a packet enters, by goto, to be decided.
//
// The chain leaves by v.Allow or v.Deny where the group decides. Where it does not (only in the layers that have no
// default), the chain ends or returns. It must not leave an endpoint's packets undecided in LayerNormal.
type GroupFunc func(b *Builder, g *ir.Group, v Verdicts) (chain string)

// Builder collects the objects of one table. Group functions add theirs through it.
type Builder struct {
	program *ir.Program
	options Options
	rs      *ruleset.Ruleset
	chains  map[string]*ruleset.Chain
	sets    map[string]*ruleset.Set
	groups  map[groupKey]*fragment
	logs    bool
	peopled versions

	// old is what the last lowering left, nil when there was none.
	old       *memory
	madeSets  map[setKey]*madeSet
	fragments fragments
	recording *fragment
	endpoints *roster
	maps      map[string]*ruleset.Set
	// changed are the sets of the program that are not what they were.
	changed map[ir.SetID]bool
	// held remembers which fragments of the last lowering may be taken over.
	held map[*fragment]bool
	// remaking tells that only what is made anew is collected.
	remaking bool
	// fresh are the names given now, not taken over.
	fresh map[model.RuleID]string
}

func newBuilder(p *ir.Program, o Options) *Builder {
	b := &Builder{
		program: p, options: o, rs: &ruleset.Ruleset{Table: o.Table},
		chains: map[string]*ruleset.Chain{}, sets: map[string]*ruleset.Set{},
		groups: map[groupKey]*fragment{}, madeSets: map[setKey]*madeSet{}, fragments: fragments{place: map[string]int{}}, fresh: map[model.RuleID]string{},
		maps: map[string]*ruleset.Set{}, held: map[*fragment]bool{},
	}
	b.recall(o.Previous)
	if b.old == nil {
		b.peopled = peopled(p)
	}
	return b
}

// Program is the program being lowered.
func (b *Builder) Program() *ir.Program { return b.program }

// Chain returns the chain of that name. fresh tells that it has just been made and must be filled.
func (b *Builder) Chain(name, note string) (c *ruleset.Chain, fresh bool) {
	if c := b.chains[name]; c != nil {
		return c, false
	}
	c = &ruleset.Chain{Name: name, Note: note}
	b.chains[name] = c
	b.rs.Chains = append(b.rs.Chains, c)
	if b.recording != nil {
		b.recording.chains = append(b.recording.chains, c)
	}
	return c, true
}

// AddChain adds a finished chain unless one of that name is there already.
func (b *Builder) AddChain(c *ruleset.Chain) {
	if b.chains[c.Name] != nil {
		return
	}
	b.chains[c.Name] = c
	b.rs.Chains = append(b.rs.Chains, c)
	if b.recording != nil {
		b.recording.chains = append(b.recording.chains, c)
	}
}

// AddSet adds a set unless one of that name is there already.
func (b *Builder) AddSet(s *ruleset.Set) {
	b.addSet(s)
	if b.recording != nil {
		b.recording.sets = append(b.recording.sets, s)
	}
}

func (b *Builder) addSet(s *ruleset.Set) {
	if b.sets[s.Name] == nil {
		b.sets[s.Name] = s
		b.rs.Sets = append(b.rs.Sets, s)
	}
}

// Name says what a counter counts.
func (b *Builder) Name(id model.RuleID, name string) {
	if b.recording != nil {
		b.recording.names[id] = name
		return
	}
	b.fresh[id] = name
}

// group returns the chain of a group, lowering it the first time.
func (b *Builder) group(g *ir.Group, v Verdicts) string {
	key := groupKey{g, v}
	f := b.groups[key]
	if f == nil {
		// The group's identity stands for its policies: compiled objects are never changed.
		name := "group " + string(g.Direction) + " " + string(g.ID) + " " + v.Allow.String() + " " + v.Deny.String()
		f = b.fragment(name, g, func(b *Builder) string { return b.options.Group(b, g, v) })
		b.groups[key] = f
	}
	b.part(f)
	return f.result
}

// base makes a base chain.
func (b *Builder) base(name string, hook ruleset.Hook, priority int) *ruleset.Chain {
	c, _ := b.Chain(name, "")
	c.Base = &ruleset.Base{Hook: hook, Priority: priority}
	return c
}

func add(c *ruleset.Chain, statements ...ruleset.Statement) {
	c.Rules = append(c.Rules, &ruleset.Rule{Statements: statements})
}

// builtin adds a counted rule that no policy wrote.
func (b *Builder) builtin(c *ruleset.Chain, name string, statements ...ruleset.Statement) {
	n := len(statements) - 1
	statements = slices.Insert(statements, n, ruleset.Statement(ruleset.Counter{}))
	id := ir.DefaultID(name)
	b.Name(id, name)
	c.Rules = append(c.Rules, &ruleset.Rule{Statements: statements, Comment: Comment(name, model.Origin{}, id), ID: id})
}

var (
	accept  = ruleset.Verdict{Kind: ruleset.Accept}
	drop    = ruleset.Verdict{Kind: ruleset.Drop}
	returns = ruleset.Verdict{Kind: ruleset.Return}
)
