package sut

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"rampart/bench/filter"
	"rampart/bench/rig"
	"rampart/model"
)

// ipsets is a list written with iptables rules and ipsets.
type ipsets struct {
	rig    *rig.Rig
	family int
	layers []ipsetLayer
}

type ipsetLayer struct {
	Layer
	sets  []*ipsetGroup
	plain []*filter.Rule
}

// ipsetGroup is a set, and what its rule says besides.
type ipsetGroup struct {
	name  string
	class ipsetClass
	rules []*filter.Rule
}

// ipsetClass is a way to put rules into a set.
type ipsetClass struct {
	// kind is ipset's type, dirs the packet's fields it looks at.
	kind, dirs string
	// rest is what all the rules have in common.
	rest filter.Rule
}

// The kinds of sets in use. Types for two nets exist, but few kernels have them built in.
const (
	kindService = "hash:ip,port,net"
	kindNet     = "hash:net"
)

// classes are the ways a rule could be in a set, the best first.
func classes(r *filter.Rule) []ipsetClass {
	var out []ipsetClass
	if r.Dst.IsSingleIP() && r.Src.Bits() > 0 && !r.HasSrcPorts() && r.HasDstPorts() && r.DstPorts.Min == r.DstPorts.Max {
		out = append(out, ipsetClass{kind: kindService, dirs: "dst,dst,src"})
	}
	if r.Src.Bits() > 0 {
		rest := *r
		rest.Src = netipAny(r)
		out = append(out, ipsetClass{kindNet, "src", rest})
	}
	if r.Dst.Bits() > 0 {
		rest := *r
		rest.Dst = netipAny(r)
		out = append(out, ipsetClass{kindNet, "dst", rest})
	}
	return out
}

// entry is a rule's element.
func (c *ipsetClass) entry(r *filter.Rule) string {
	switch {
	case c.kind == kindService:
		return fmt.Sprintf("%s,%s:%d,%s", r.Dst.Addr(), model.ProtocolLabel(r.Protocol), r.DstPorts.Min, r.Src)
	case c.dirs == "src":
		return r.Src.String()
	}
	return r.Dst.String()
}

// planIPSets puts what it can of each layer into sets.
func planIPSets(r *rig.Rig, set *filter.Set) *ipsets {
	p := &ipsets{rig: r, family: set.Family}
	for n, layer := range Layers(set.Rules) {
		planned := ipsetLayer{Layer: layer}
		size := map[ipsetClass]int{}
		for _, rule := range layer.Rules {
			for _, c := range classes(rule) {
				size[c]++
			}
		}
		at := map[ipsetClass]*ipsetGroup{}
	rules:
		for _, rule := range layer.Rules {
			for _, c := range classes(rule) {
				if size[c] < fewRules {
					continue
				}
				if at[c] == nil {
					at[c] = &ipsetGroup{name: fmt.Sprintf("l%d-%d", n, len(planned.sets)), class: c}
					planned.sets = append(planned.sets, at[c])
				}
				at[c].rules = append(at[c].rules, rule)
				continue rules
			}
			planned.plain = append(planned.plain, rule)
		}
		p.layers = append(p.layers, planned)
	}
	return p
}

func (p *ipsets) load(ctx context.Context, fallback model.Action) error {
	family := map[int]string{4: "inet", 6: "inet6"}[p.family]
	var sets strings.Builder
	var rules tablesScript
	rules.head()
	for _, layer := range p.layers {
		target := tablesTarget(layer.Action)
		for _, g := range layer.sets {
			fmt.Fprintf(&sets, "create %s %s family %s hashsize %d maxelem %d\n", g.name, g.class.kind, family, max(64, len(g.rules)), 2*len(g.rules)+64)
			for _, r := range g.rules {
				fmt.Fprintf(&sets, "add %s %s\n", g.name, g.class.entry(r))
			}
			match := ""
			if g.class.kind != kindService {
				match = tablesMatch(&g.class.rest, p.family)
			}
			rules.line("-A rules %s -m set --match-set %s %s -j %s", match, g.name, g.class.dirs, target)
		}
		for _, r := range layer.plain {
			rules.line("-A rules %s -j %s", tablesMatch(r, p.family), target)
		}
	}
	rules.line("-A rules -j %s\nCOMMIT", tablesTarget(fallback))
	if _, err := p.rig.Firewall.Run(ctx, sets.String(), "ipset", "restore"); err != nil {
		return err
	}
	return rules.load(ctx, p.rig, p.family)
}

// Change adds to the first set that has room for such a rule, where that means the same as a rule at the top.
func (p *ipsets) Change(ctx context.Context, c *filter.Change) error {
	var sets strings.Builder
	var rest []filter.Rule
	for _, r := range c.Rules {
		if g := p.home(&r); g != nil {
			fmt.Fprintf(&sets, "add %s %s\n", g.name, g.class.entry(&r))
		} else {
			rest = append(rest, r)
		}
	}
	if sets.Len() > 0 {
		if _, err := p.rig.Firewall.Run(ctx, sets.String(), "ipset", "restore"); err != nil {
			return err
		}
	}
	if len(rest) == 0 {
		return nil
	}
	return (&tables{p.rig}).Change(ctx, &filter.Change{Rules: rest, After: c.After})
}

func (p *ipsets) home(r *filter.Rule) *ipsetGroup {
	for _, layer := range p.layers {
		if layer.Action != r.Action {
			for _, other := range layer.Rules {
				if share(r, other) {
					return nil
				}
			}
			continue
		}
		for _, c := range classes(r) {
			for _, g := range layer.sets {
				if g.class == c {
					return g
				}
			}
		}
	}
	return nil
}

func (p *ipsets) Close() error { return nil }

// Unaccounted adds up what the sets say of themselves: the kernel allocates their elements without accounting.
func (p *ipsets) Unaccounted(ctx context.Context) (n int64, err error) {
	text, err := p.rig.Firewall.Run(ctx, "", "ipset", "list", "-terse")
	for line := range strings.Lines(text) {
		if size, ok := strings.CutPrefix(line, "Size in memory: "); ok {
			var bytes int64
			if _, err := fmt.Sscan(size, &bytes); err != nil {
				return 0, err
			}
			n += bytes
		}
	}
	return n, err
}

func ipset() *System {
	return &System{
		Name: "ipset", Title: "iptables with ipsets",
		Missing: func(_ *Options, family int) error {
			if err := needs("ipset"); err != nil {
				return err
			}
			if _, err := restore(family); err != nil {
				return err
			}
			if out, err := exec.Command("ipset", "list", "-n").CombinedOutput(); err != nil {
				return fmt.Errorf("the kernel has no ipset: %s", strings.TrimSpace(string(out)))
			}
			return nil
		},
		Load: func(ctx context.Context, _ *Options, r *rig.Rig, set *filter.Set) (Instance, error) {
			p := planIPSets(r, set)
			return p, p.load(ctx, set.Default)
		},
	}
}
