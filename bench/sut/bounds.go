package sut

import (
	"context"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"rampart/bench/filter"
	"rampart/bench/rig"
	"rampart/model"
)

// ErrNoChange is the error of Change for systems that have no rules.
var ErrNoChange = errors.New("this system has no rules to change")

// idle is an instance with nothing to change or release.
type idle struct{}

func (idle) Change(context.Context, *filter.Change) error { return ErrNoChange }
func (idle) Close() error                                 { return nil }

func nothing() *System {
	return &System{
		Name: Baseline, Title: "no firewall", Verdict: model.Allow, Missing: available,
		Load: func(context.Context, *Options, *rig.Rig, *filter.Set) (Instance, error) { return idle{}, nil },
	}
}

func stateful() *System {
	return &System{
		Name: "stateful", Title: "connection tracking only", Verdict: model.Allow,
		Missing: func(*Options, int) error { return needs("nft") },
		Load: func(ctx context.Context, _ *Options, r *rig.Rig, s *filter.Set) (Instance, error) {
			n := newScript(s.Family)
			n.forward("accept")
			return idle{}, n.load(ctx, r)
		},
	}
}

// xdpInstance holds an XDP program on the firewall's interface.
type xdpInstance struct {
	idle
	program *ebpf.Program
	link    link.Link
}

func (x *xdpInstance) Close() error { return errors.Join(x.link.Close(), x.program.Close()) }

// attachXDP runs instructions on every packet that comes in.
func attachXDP(r *rig.Rig, name string, in asm.Instructions) (Instance, error) {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: name, Type: ebpf.XDP, License: "GPL", Instructions: in})
	if err != nil {
		return nil, err
	}
	x := &xdpInstance{program: p}
	err = r.Firewall.Do(func() (err error) {
		x.link, err = link.AttachXDP(link.XDPOptions{Program: p, Interface: r.InIndex(), Flags: link.XDPDriverMode})
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("attach %s: %w", name, err), p.Close())
	}
	return x, nil
}

// Return codes of XDP programs (uapi linux/bpf.h, enum xdp_action).
const (
	xdpDropCode = 1
	xdpPassCode = 2
)

func xdpDrop() *System {
	return &System{
		Name: "xdp-drop", Title: "bare XDP drop", Verdict: model.Deny, Bare: true, Missing: available,
		Load: func(_ context.Context, _ *Options, r *rig.Rig, _ *filter.Set) (Instance, error) {
			return attachXDP(r, "bench_drop", asm.Instructions{asm.Mov.Imm(asm.R0, xdpDropCode), asm.Return()})
		},
	}
}

func xdpRedirect() *System {
	return &System{
		Name: "xdp-redirect", Title: "bare XDP redirect", Verdict: model.Allow, Bare: true, Missing: available,
		Load: func(_ context.Context, _ *Options, r *rig.Rig, _ *filter.Set) (Instance, error) {
			return attachXDP(r, "bench_redirect", asm.Instructions{
				asm.Mov.Imm(asm.R1, int32(r.OutIndex())), asm.Mov.Imm(asm.R2, 0), asm.FnRedirect.Call(), asm.Return(),
			})
		},
	}
}
