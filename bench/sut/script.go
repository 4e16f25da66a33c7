package sut

import (
	"context"
	"fmt"
	"strings"

	"rampart/bench/filter"
	"rampart/bench/rig"
	"rampart/model"
)

// tableName is the nftables table of the scripts.
const tableName = "bench"

// script is an nft(8) script for one address family.
type script struct {
	strings.Builder
	// ip is the table's family and the name of its header in matches: ip or ip6.
	ip string
}

func newScript(family int) *script {
	s := &script{ip: "ip"}
	if family == 6 {
		s.ip = "ip6"
	}
	return s
}

func (s *script) line(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

// forward writes the chain that packets from the generator go through: connections first, then the last statements.
func (s *script) forward(last ...string) {
	s.line("table %s %s {", s.ip, tableName)
	s.line("chain forward {\ntype filter hook forward priority 0; policy accept;")
	s.line("ct state established,related accept")
	for _, l := range last {
		s.line("%s", l)
	}
	s.line("}\n}")
}

// rules writes a chain called rules that holds lines, and the default at its end.
func (s *script) rules(lines []string, fallback model.Action) {
	s.line("table %s %s {\nchain rules {", s.ip, tableName)
	for _, l := range lines {
		s.line("%s", l)
	}
	s.line("%s\n}\n}", verdict(fallback))
}

// enterRules are the statements that lead to the chain called rules.
var enterRules = []string{"ct state invalid drop", fmt.Sprintf("iifname %q goto rules", rig.In)}

func (s *script) load(ctx context.Context, r *rig.Rig) error {
	_, err := r.Firewall.Run(ctx, s.String(), "nft", "-f", "-")
	return err
}

// rule is a rule in nft's words.
func (s *script) rule(r *filter.Rule) string {
	var w []string
	if r.Src.Bits() > 0 {
		w = append(w, s.ip+" saddr "+r.Src.String())
	}
	if r.Dst.Bits() > 0 {
		w = append(w, s.ip+" daddr "+r.Dst.String())
	}
	switch {
	case r.HasSrcPorts() || r.HasDstPorts():
		name := model.ProtocolLabel(r.Protocol)
		if r.HasSrcPorts() {
			w = append(w, name+" sport "+portRange(r.SrcPorts.Min, r.SrcPorts.Max, "-"))
		}
		if r.HasDstPorts() {
			w = append(w, name+" dport "+portRange(r.DstPorts.Min, r.DstPorts.Max, "-"))
		}
	case !r.AnyProtocol:
		w = append(w, fmt.Sprintf("meta l4proto %d", r.Protocol))
	}
	return strings.Join(append(w, verdict(r.Action)), " ")
}

func verdict(a model.Action) string {
	if a == model.Allow {
		return "accept"
	}
	return "drop"
}

func portRange(lo, hi uint16, sep string) string {
	if lo == hi {
		return fmt.Sprint(lo)
	}
	return fmt.Sprintf("%d%s%d", lo, sep, hi)
}

// linear is the instance of nft-linear: changes are inserted at the top.
type linear struct {
	rig *rig.Rig
	ip  string
}

func (l *linear) Change(ctx context.Context, c *filter.Change) error {
	s := newScript(c.After.Family)
	for i := len(c.Rules) - 1; i >= 0; i-- {
		s.line("insert rule %s %s rules %s", s.ip, tableName, s.rule(&c.Rules[i]))
	}
	return s.load(ctx, l.rig)
}

func (l *linear) Close() error { return nil }

func nftLinear() *System {
	return &System{
		Name: "nft-linear", Title: "nftables, a rule each", Linear: true,
		Missing: func(*Options, int) error { return needs("nft") },
		Load: func(ctx context.Context, _ *Options, r *rig.Rig, set *filter.Set) (Instance, error) {
			s := newScript(set.Family)
			lines := make([]string, len(set.Rules))
			for i := range set.Rules {
				lines[i] = s.rule(&set.Rules[i])
			}
			s.rules(lines, set.Default)
			s.forward(enterRules...)
			return &linear{r, s.ip}, s.load(ctx, r)
		},
	}
}
