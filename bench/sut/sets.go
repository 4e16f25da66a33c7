package sut

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rampart/bench/filter"
	"rampart/bench/rig"
	"rampart/model"
)

// fewRules is how many rules are not worth a set.
const fewRules = 4

// signature says which fields a rule looks at.
type signature struct{ src, dst, protocol, srcPorts, dstPorts bool }

func signatureOf(r *filter.Rule) signature {
	return signature{r.Src.Bits() > 0, r.Dst.Bits() > 0, !r.AnyProtocol, r.HasSrcPorts(), r.HasDstPorts()}
}

// element is a group of rules of one layer and signature that share one nftables set.
type element struct {
	name  string
	sig   signature
	rules []*filter.Rule
}

// setPlan is a list written with sets: for each layer, sets and the rules left over.
type setPlan struct {
	layers []plannedLayer
}

type plannedLayer struct {
	Layer
	sets  []*element
	plain []*filter.Rule
}

// planSets lays a list out as an expert would: what looks at the same fields and acts the same shares a set, with rules that
// another one makes needless left out, and what is too little for a set stays a rule.
func planSets(rules []filter.Rule) *setPlan {
	p := &setPlan{}
	for n, layer := range Layers(rules) {
		planned := plannedLayer{Layer: layer}
		for _, g := range bySignature(layer.Rules) {
			if len(g.rules) < fewRules {
				planned.plain = append(planned.plain, g.rules...)
				continue
			}
			for k, part := range separate(g.rules) {
				if len(part) < fewRules {
					planned.plain = append(planned.plain, part...)
					continue
				}
				name := fmt.Sprintf("%s%d_%s", strings.ToLower(string(layer.Action)), n, g.sig)
				if k > 0 {
					name += fmt.Sprintf("_%d", k)
				}
				planned.sets = append(planned.sets, &element{name, g.sig, part})
			}
		}
		p.layers = append(p.layers, planned)
	}
	return p
}

func bySignature(rules []*filter.Rule) []*element {
	var out []*element
	at := map[signature]*element{}
	for _, r := range rules {
		sig := signatureOf(r)
		if at[sig] == nil {
			at[sig] = &element{sig: sig}
			out = append(out, at[sig])
		}
		at[sig].rules = append(at[sig].rules, r)
	}
	return out
}

// separate divides rules of one signature into sets that the kernel takes: it refuses an interval whose first or last
// corner lies in another one (nft_set_pipapo.c). A rule inside another is dropped.
func separate(rules []*filter.Rule) [][]*filter.Rule {
	rules = slices.Clone(rules)
	slices.SortStableFunc(rules, func(a, b *filter.Rule) int {
		return cmp.Or(cmp.Compare(a.Src.Bits()+a.Dst.Bits(), b.Src.Bits()+b.Dst.Bits()), cmp.Compare(width(b), width(a)))
	})
	var parts [][]*filter.Rule
	var indices []*overlaps
next:
	for _, r := range rules {
		fits := -1
		for k, o := range indices {
			if o.any(r, func(n numbered) bool { return covers(n.Rule, r) }) {
				continue next
			}
			if fits < 0 && !o.any(r, func(n numbered) bool { return holdsCorner(n.Rule, r) }) {
				fits = k
			}
		}
		if fits < 0 {
			fits = len(parts)
			parts, indices = append(parts, nil), append(indices, &overlaps{})
		}
		parts[fits] = append(parts[fits], r)
		indices[fits].add(r, 0)
	}
	return parts
}

func width(r *filter.Rule) int {
	return int(r.SrcPorts.Max-r.SrcPorts.Min) + int(r.DstPorts.Max-r.DstPorts.Min)
}

// holdsCorner tells whether a rule matches the lowest or the highest packet of another with the same signature.
func holdsCorner(in, r *filter.Rule) bool {
	low := in.Src.Contains(r.Src.Addr()) && in.Dst.Contains(r.Dst.Addr()) &&
		in.SrcPorts.Min <= r.SrcPorts.Min && r.SrcPorts.Min <= in.SrcPorts.Max &&
		in.DstPorts.Min <= r.DstPorts.Min && r.DstPorts.Min <= in.DstPorts.Max
	high := in.Src.Contains(lastAddr(r.Src)) && in.Dst.Contains(lastAddr(r.Dst)) &&
		in.SrcPorts.Min <= r.SrcPorts.Max && r.SrcPorts.Max <= in.SrcPorts.Max &&
		in.DstPorts.Min <= r.DstPorts.Max && r.DstPorts.Max <= in.DstPorts.Max
	return low || high
}

func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := range b {
		b[i] |= 0xff >> min(8, max(0, p.Bits()-8*i))
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// String is the readable part of a set's name.
func (s signature) String() string {
	var w []string
	for _, f := range s.fields() {
		w = append(w, f.short)
	}
	return strings.Join(w, "_")
}

// field is a field of a set's key.
type field struct {
	short string
	// kind is nft's type, match how a rule names the field; IP stands for the header's name.
	kind, match string
	value       func(r *filter.Rule) string
}

func (s signature) fields() []field {
	all := []struct {
		on bool
		field
	}{
		{s.src, field{"src", "IPADDR", "IP saddr", func(r *filter.Rule) string { return netText(r.Src) }}},
		{s.dst, field{"dst", "IPADDR", "IP daddr", func(r *filter.Rule) string { return netText(r.Dst) }}},
		{s.protocol, field{"proto", "inet_proto", "meta l4proto", func(r *filter.Rule) string { return fmt.Sprint(r.Protocol) }}},
		{s.srcPorts, field{"sport", "inet_service", "th sport", func(r *filter.Rule) string { return portRange(r.SrcPorts.Min, r.SrcPorts.Max, "-") }}},
		{s.dstPorts, field{"dport", "inet_service", "th dport", func(r *filter.Rule) string { return portRange(r.DstPorts.Min, r.DstPorts.Max, "-") }}},
	}
	var out []field
	for _, f := range all {
		if f.on {
			out = append(out, f.field)
		}
	}
	return out
}

// netText is a prefix, or the address of a single one.
func netText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// key is a rule's element.
func (e *element) key(r *filter.Rule) string {
	var w []string
	for _, f := range e.sig.fields() {
		w = append(w, f.value(r))
	}
	return strings.Join(w, " . ")
}

func (e *element) exact() bool {
	for _, r := range e.rules {
		if !(r.Src.Bits() == 0 || r.Src.IsSingleIP()) || !(r.Dst.Bits() == 0 || r.Dst.IsSingleIP()) ||
			r.HasSrcPorts() && r.SrcPorts.Min != r.SrcPorts.Max || r.HasDstPorts() && r.DstPorts.Min != r.DstPorts.Max {
			return false
		}
	}
	return true
}

// write adds the set to a script and returns the rule that looks into it.
func (e *element) write(s *script, action model.Action) string {
	address := map[string]string{"ip": "ipv4_addr", "ip6": "ipv6_addr"}[s.ip]
	var kinds, matches []string
	for _, f := range e.sig.fields() {
		kinds = append(kinds, strings.ReplaceAll(f.kind, "IPADDR", address))
		matches = append(matches, strings.ReplaceAll(f.match, "IP", s.ip))
	}
	s.line("set %s {\ntype %s", e.name, strings.Join(kinds, " . "))
	if e.exact() {
		s.line("size %d", 2*len(e.rules)) // room to grow; a set that knows its size is a faster kind of hash table
	} else {
		s.line("flags interval")
	}
	s.line("elements = {")
	for _, r := range e.rules {
		s.line("%s,", e.key(r))
	}
	s.line("}\n}")
	return fmt.Sprintf("%s @%s %s", strings.Join(matches, " . "), e.name, verdict(action))
}

// sets is the instance of nft-sets.
type sets struct {
	linear
	plan *setPlan
}

// Change adds elements to the first set that is of the same kind, where that means the same as a rule at the top.
func (x *sets) Change(ctx context.Context, c *filter.Change) error {
	s := newScript(c.After.Family)
	for i := len(c.Rules) - 1; i >= 0; i-- {
		r := &c.Rules[i]
		if e := x.plan.home(r); e != nil {
			s.line("add element %s %s %s { %s }", s.ip, tableName, e.name, e.key(r))
			continue
		}
		s.line("insert rule %s %s rules %s", s.ip, tableName, s.rule(r))
	}
	return s.load(ctx, x.rig)
}

// home is a set that a new rule at the top may be put into: nothing that acts otherwise comes before it and matches.
func (p *setPlan) home(r *filter.Rule) *element {
	for _, layer := range p.layers {
		if layer.Action != r.Action {
			if slices.ContainsFunc(layer.Rules, func(other *filter.Rule) bool { return share(r, other) }) {
				return nil
			}
			continue
		}
		for _, e := range layer.sets {
			if e.sig == signatureOf(r) {
				return e
			}
		}
	}
	return nil
}

func nftSets() *System {
	return &System{
		Name: "nft-sets", Title: "nftables sets by hand",
		Missing: func(*Options, int) error { return needs("nft") },
		Load: func(ctx context.Context, _ *Options, r *rig.Rig, set *filter.Set) (Instance, error) {
			plan := planSets(set.Rules)
			s := newScript(set.Family)
			s.line("table %s %s {", s.ip, tableName)
			var lines []string
			for _, layer := range plan.layers {
				for _, e := range layer.sets {
					lines = append(lines, e.write(s, layer.Action))
				}
				for _, rule := range layer.plain {
					lines = append(lines, s.rule(rule))
				}
			}
			s.line("}")
			s.rules(lines, set.Default)
			s.forward(enterRules...)
			return &sets{linear{r, s.ip}, plan}, s.load(ctx, r)
		},
	}
}
