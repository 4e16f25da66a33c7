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

// System is a firewall under test, or a bound.
type System struct {
	// Name is what flags and files call it, Title what people read.
	Name, Title string
	// Verdict is what a system that does not read the rules does with every packet; "" for those that do.
	Verdict model.Action
	// Bare tells that packets do not reach the network stack, so that no connection is ever made.
	Bare bool
	// Linear tells that its cost is known to grow with every rule, so that very large sets say nothing new.
	Linear bool
	// Missing says why the system cannot be tested here, nil when it can. The family is 4 or 6.
	Missing func(o *Options, family int) error
	// Load puts a set in force in the rig's firewall.
	Load func(ctx context.Context, o *Options, r *rig.Rig, s *filter.Set) (Instance, error)
}

// Options are what systems need to know of the surroundings.
type Options struct {
	// Rampart is the path of the rampart binary, "" when there is none.
	Rampart string
	// Dir is a directory for files of the systems.
	Dir string
}

// Instance is a system in force.
type Instance interface {
	// Change puts a small change in force. It returns as soon as the system says that it is done.
	Change(ctx context.Context, c *filter.Change) error
	// Close releases what the rig's namespaces do not. The rules may stay in force.
	Close() error
}

// Process is implemented by instances that have a process of their own.
type Process interface{ Pid() int }

// Unaccounted is implemented by instances some of whose kernel memory is charged to no control group: its size in bytes.
type Unaccounted interface {
	Unaccounted(ctx context.Context) (int64, error)
}

// Judges tells whether the system decides by the rules.
func (s *System) Judges() bool { return s.Verdict == "" }

// Want is what the system must do with a packet for which the rules say want.
func (s *System) Want(want model.Action) model.Action {
	if s.Judges() {
		return want
	}
	return s.Verdict
}

// All lists the systems in the order in which reports show them. The first is the baseline.
func All() []*System {
	return []*System{
		nothing(), stateful(), nftLinear(), iptables(), ipset(), nftSets(), felixLike(), rampart(), rampartDaemon(),
		rampartPreDNAT(), rampartPassed(), rampartFastPath(), rampartAuto(), xdpRedirect(), xdpDrop(),
	}
}

// Baseline is the name of the system that ratios are against.
const Baseline = "nothing"

// Select finds systems by name, in the order of All. The baseline is always among them.
func Select(names []string) ([]*System, error) {
	want := map[string]bool{Baseline: true}
	for _, n := range names {
		want[n] = true
	}
	var out []*System
	var known []string
	for _, s := range All() {
		known = append(known, s.Name)
		if want[s.Name] {
			out = append(out, s)
			delete(want, s.Name)
		}
	}
	for _, n := range names {
		if want[n] {
			return nil, fmt.Errorf("there is no system %q; the systems are %s", n, strings.Join(known, ", "))
		}
	}
	return out, nil
}

// available is Missing for a system that needs nothing.
func available(*Options, int) error { return nil }

// needs says which of some commands is not installed.
func needs(commands ...string) error {
	for _, c := range commands {
		if _, err := exec.LookPath(c); err != nil {
			return fmt.Errorf("%s is not installed", c)
		}
	}
	return nil
}
