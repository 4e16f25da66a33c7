package compile

import (
	"maps"
	"math"
	"slices"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/selector"
	"rampart/model/store"
)

// Compile compiles a view for a host. It is a fresh Compiler used once.
func Compile(v *store.View, host Host, opts ir.Options) *ir.Program {
	return NewCompiler(opts).Compile(v, store.Change{}, host)
}

// Compiler compiles one view after the other, at the cost of what changed.
type Compiler struct {
	opts ir.Options
	node string
	view *store.View

	tiers      map[string]*model.Tier
	profiles   map[string]*model.Profile
	namespaces map[string]*model.Namespace
	accounts   map[accountName]*model.ServiceAccount
	policies   map[model.Key]*policy
	items      map[model.Key]*item
	locals     map[model.Key]*local
	// ordered are the locals by key, nil when some came or went; dirty are those that ask for another look.
	ordered, dirty []*local
	// endpoints are those of the last program, nil when some came or went; altered are others now.
	endpoints []*ir.Endpoint
	altered   []alteration
	last      *ir.Program
	// interfaces are those of the host as the locals were last placed on them.
	interfaces []Interface
	// byKey are the policies by key.
	byKey []*policy

	profileVersions map[string]*profile
	selections      selections
	sets            sets
	groups          groups
	scratch         selector.Map
	serial          uint64
	// round counts calls of Compile; listed is the last one that looked at groups, MaxUint64 before the first.
	round, listed uint64

	// What the present call has to do.
	changed struct {
		profiles, namespaces map[string]bool
		accounts             map[accountName]bool
	}
	replace bool     // endpoints of the node changed: find their interfaces again
	reorder bool     // tiers, policies or profiles changed: look at every endpoint
	regroup bool     // some endpoint has other groups
	retired []*owner // versions out of use that still hold sets
}

type accountName struct{ namespace, name string }

// NewCompiler returns a compiler that has seen nothing.
func NewCompiler(opts ir.Options) *Compiler {
	c := &Compiler{opts: opts}
	c.reset("")
	return c
}

// reset forgets everything but the options.
func (c *Compiler) reset(node string) {
	*c = Compiler{
		opts: c.opts, node: node, listed: math.MaxUint64,
		tiers: map[string]*model.Tier{}, profiles: map[string]*model.Profile{}, namespaces: map[string]*model.Namespace{},
		accounts: map[accountName]*model.ServiceAccount{}, policies: map[model.Key]*policy{}, items: map[model.Key]*item{},
		locals: map[model.Key]*local{}, profileVersions: map[string]*profile{},
		selections: selections{byText: map[string]*selection{}},
		sets:       sets{byID: map[ir.SetID]*set{}},
		scratch:    selector.Map{},
		groups:     groups{shapes: map[string]*shape{}, byKey: map[string]*group{}},
	}
}

// Compile compiles the view. The change must lead from the view of the last call to this one; when it does not, or the
// node is another one, everything is compiled anew. An empty change is right when only the host changed.
func (c *Compiler) Compile(v *store.View, change store.Change, host Host) *ir.Program {
	if c.view == nil || c.node != host.Node || !v.After(c.view, &change) {
		c.reset(host.Node)
		c.load(v.All())
	} else {
		c.load(func(yield func(model.Resource) bool) {
			for _, list := range [][]model.Key{change.Added, change.Updated} {
				for _, k := range list {
					if r := v.Get(k); r != nil && !yield(r) {
						return
					}
				}
			}
		}, change.Removed...)
	}
	c.view = v
	c.round++
	return c.program(host)
}

func (c *Compiler) nextSerial() uint64 {
	c.serial++
	return c.serial
}

// retire keeps the sets of a version that is out of use until those of its successor are held.
func (c *Compiler) retire(o *owner) {
	if o.held {
		c.retired = append(c.retired, o)
	}
}

// program does what is left once all resources are in.
func (c *Compiler) program(host Host) *ir.Program {
	c.populate()
	if c.reorder {
		c.rank()
	}
	c.compileEndpoints(host)
	if c.regroup {
		c.holdSets()
		c.populate()
		c.findOverridden()
	}
	c.sweep()
	c.reorder, c.regroup = false, false

	p := &ir.Program{Node: c.node, Options: c.opts}
	p.Sets = c.sets.settle()
	for _, q := range c.byKey {
		if q.held {
			p.Policies = append(p.Policies, q.ir)
		}
	}
	for _, q := range c.profileVersions {
		if q.held {
			p.Profiles = append(p.Profiles, q.ir)
		}
	}
	for _, g := range c.groups.used {
		p.Groups = append(p.Groups, g.ir)
	}
	c.listEndpoints()
	p.Endpoints = c.endpoints
	p.States = c.states()
	ir.SealSorted(p, c.last)
	c.last = p
	return p
}

// rank gives every policy its place in the order of evaluation.
func (c *Compiler) rank() {
	ranked := make([]*policy, 0, len(c.policies))
	for _, p := range c.policies {
		t := resolveTier(p.ir.Tier, c.tiers[p.ir.Tier])
		if p.tier != t && p.tier.name != "" {
			p.serial = c.nextSerial() // groups that list it have another default or another place
		}
		p.tier = t
		ranked = append(ranked, p)
	}
	slices.SortFunc(ranked, comparePolicies)
	for i, p := range ranked {
		p.rank = i
	}
	slices.SortFunc(ranked, func(a, b *policy) int { return a.key.Compare(b.key) })
	c.byKey = ranked
	clear(c.groups.shapes)
}

// holdSets makes the sets of exactly the policies and profiles in groups exist. It holds before it releases, so that a
// set that stays in use keeps its members.
func (c *Compiler) holdSets() {
	c.listed = c.round
	for _, g := range c.groups.used {
		for _, p := range g.policies {
			p.round = c.round
		}
		for _, p := range g.profiles {
			p.round = c.round
		}
	}
	var idle []*owner
	check := func(o *owner) {
		switch listed := o.round == c.round; {
		case listed && !o.held:
			o.held = true
			for _, d := range o.sets {
				c.holdSet(d)
			}
		case !listed && o.held:
			idle = append(idle, o)
		}
	}
	for _, p := range c.policies {
		check(&p.owner)
	}
	for _, p := range c.profileVersions {
		check(&p.owner)
	}
	for _, o := range append(idle, c.retired...) {
		o.held = false
		for _, d := range o.sets {
			c.releaseSet(d)
		}
	}
	c.retired = nil
	maps.DeleteFunc(c.profileVersions, func(_ string, p *profile) bool { return p.round != c.round })
}
