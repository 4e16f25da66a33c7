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

// restore is the iptables-restore command to use: the legacy one, whose rules the kernel's iptables walks, where it is
// there and works; else the translator to nftables that is called iptables today.
func restore(family int) (string, error) {
	prefix := "iptables"
	if family == 6 {
		prefix = "ip6tables"
	}
	for _, name := range []string{prefix + "-legacy-restore", prefix + "-restore"} {
		if _, err := exec.LookPath(name); err == nil {
			return name, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", prefix)
}

// tablesScript is input for iptables-restore.
type tablesScript struct{ strings.Builder }

func (t *tablesScript) line(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

// head begins a filter table in which what comes in by the generator goes to the chain called rules.
func (t *tablesScript) head() {
	t.line("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:rules - [0:0]")
	t.line("-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
	t.line("-A FORWARD -m conntrack --ctstate INVALID -j DROP")
	t.line("-A FORWARD -i %s -g rules", rig.In)
}

func (t *tablesScript) load(ctx context.Context, r *rig.Rig, family int, args ...string) error {
	command, err := restore(family)
	if err != nil {
		return err
	}
	_, err = r.Firewall.Run(ctx, t.String(), command, append(args, "-w")...)
	return err
}

// tablesMatch is a rule's conditions in iptables' words; sources, destinations and so on that a set has are left out.
func tablesMatch(r *filter.Rule, family int) string {
	var w []string
	if r.Src.Bits() > 0 {
		w = append(w, "-s "+r.Src.String())
	}
	if r.Dst.Bits() > 0 {
		w = append(w, "-d "+r.Dst.String())
	}
	if !r.AnyProtocol {
		w = append(w, "-p "+tablesProtocol(r.Protocol))
	}
	if r.HasSrcPorts() {
		w = append(w, "--sport "+portRange(r.SrcPorts.Min, r.SrcPorts.Max, ":"))
	}
	if r.HasDstPorts() {
		w = append(w, "--dport "+portRange(r.DstPorts.Min, r.DstPorts.Max, ":"))
	}
	return strings.Join(w, " ")
}

func tablesProtocol(n uint8) string {
	if model.HasPorts(n) {
		return model.ProtocolLabel(n)
	}
	return fmt.Sprint(n)
}

func tablesTarget(a model.Action) string {
	if a == model.Allow {
		return "ACCEPT"
	}
	return "DROP"
}

// tables is the instance of iptables.
type tables struct {
	rig *rig.Rig
}

func (t *tables) Change(ctx context.Context, c *filter.Change) error {
	var s tablesScript
	s.line("*filter")
	for i := len(c.Rules) - 1; i >= 0; i-- {
		s.line("-I rules %s -j %s", tablesMatch(&c.Rules[i], c.After.Family), tablesTarget(c.Rules[i].Action))
	}
	s.line("COMMIT")
	return s.load(ctx, t.rig, c.After.Family, "--noflush")
}

func (t *tables) Close() error { return nil }

func iptables() *System {
	return &System{
		Name: "iptables", Title: "iptables, a rule each", Linear: true,
		Missing: func(_ *Options, family int) error {
			_, err := restore(family)
			return err
		},
		Load: func(ctx context.Context, _ *Options, r *rig.Rig, set *filter.Set) (Instance, error) {
			var s tablesScript
			s.head()
			for i := range set.Rules {
				s.line("-A rules %s -j %s", tablesMatch(&set.Rules[i], set.Family), tablesTarget(set.Rules[i].Action))
			}
			s.line("-A rules -j %s\nCOMMIT", tablesTarget(set.Default))
			return &tables{r}, s.load(ctx, r, set.Family)
		},
	}
}
