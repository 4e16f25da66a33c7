package sut

import (
	"context"
	"errors"
	"time"

	"github.com/cilium/ebpf/asm"

	"rampart/bench/filter"
	"rampart/bench/rig"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft"
	"rampart/nft/lower"
	"rampart/xdp"
)

// fastPath is rampart's fast path in front of its nftables backend. The fast path never decides on forwarded traffic, so the
// same rules stand in preDNAT policies here, which act on whatever comes in by the interface.
type fastPath struct {
	backend
	xdp *xdp.Backend // nil for nftables alone
}

// early makes the set's policies preDNAT ones. Such policies have no default, so the set's becomes the last rule.
func early(set *filter.Set) []model.Resource {
	var out []model.Resource
	last := 0.0
	for _, r := range set.Resources() {
		if p, ok := r.(*model.Policy); ok {
			with := *p
			with.Spec.PreDNAT = true
			r, last = &with, max(last, *p.Spec.Order)
		}
		out = append(out, r)
	}
	last++
	p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	p.Metadata.Name = "default"
	p.Spec = model.PolicySpec{
		Order: &last, Selector: "all()", PreDNAT: true, ApplyOnForward: true, Types: []model.Direction{model.Ingress},
		Ingress: []model.Rule{{Action: set.Default}},
	}
	return append(out, p)
}

func (f *fastPath) apply(ctx context.Context, set *filter.Set) error {
	change, err := f.store.Apply(&model.Bundle{Source: "bench", Resources: early(set)})
	if err != nil {
		return err
	}
	p := f.compiler.Compile(f.store.View(), change, compile.Host{Node: filter.Node})
	if f.xdp == nil {
		_, err = f.nft.Apply(ctx, p)
		return err
	}
	// As the engine does: what the new program allows must not be dropped early by the old one.
	if err := f.xdp.Hold(ctx, p); err != nil {
		return err
	}
	if _, err := f.nft.Apply(ctx, p); err != nil {
		return err
	}
	_, err = f.xdp.Apply(ctx, p)
	return err
}

func (f *fastPath) Change(ctx context.Context, c *filter.Change) error { return f.apply(ctx, c.After) }

func (f *fastPath) Close() error {
	if f.xdp == nil {
		return f.nft.Close()
	}
	return errors.Join(f.xdp.Close(), f.nft.Close())
}

// loadEarly puts a set in force in preDNAT policies, with the fast path in front unless its mode is Off.
func loadEarly(ctx context.Context, r *rig.Rig, set *filter.Set, mode xdp.Mode) (Instance, error) {
	n, err := nft.New(nft.Config{NetNS: r.Firewall.FD(), Group: lower.Blocks})
	if err != nil {
		return nil, err
	}
	f := &fastPath{backend{store.New(), compile.NewCompiler(ir.Options{}), n}, nil}
	if mode != xdp.Off {
		if f.xdp, err = xdp.New(xdp.Config{NetNS: r.Firewall.FD(), Interfaces: []string{rig.In}, Mode: mode}); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	if err := f.apply(ctx, set); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if f.xdp != nil {
		time.Sleep(fastPathStart)
	}
	return f, nil
}

// rampartPreDNAT is what the fast path has behind it: the same policies, in nftables alone.
func rampartPreDNAT() *System {
	return &System{
		Name: "rampart-prednat", Title: "rampart, preDNAT policies", Missing: available,
		Load: func(ctx context.Context, _ *Options, r *rig.Rig, set *filter.Set) (Instance, error) {
			return loadEarly(ctx, r, set, xdp.Off)
		},
	}
}

// passed is an instance behind an XDP program that does nothing.
type passed struct {
	Instance
	program Instance
}

func (p *passed) Close() error { return errors.Join(p.program.Close(), p.Instance.Close()) }

// rampartPassed is rampartPreDNAT behind an XDP program that passes everything on. A veth pair copies packets of local
// sockets for such a program, which an interface card's driver need not: what the fast path costs above this is its own.
func rampartPassed() *System {
	return &System{
		Name: "rampart-passed", Title: "rampart, preDNAT, bare XDP pass", Missing: available,
		Load: func(ctx context.Context, _ *Options, r *rig.Rig, set *filter.Set) (Instance, error) {
			in, err := loadEarly(ctx, r, set, xdp.Off)
			if err != nil {
				return nil, err
			}
			x, err := attachXDP(r, "bench_pass", asm.Instructions{asm.Mov.Imm(asm.R0, xdpPassCode), asm.Return()})
			if err != nil {
				return nil, errors.Join(err, in.Close())
			}
			return &passed{in, x}, nil
		},
	}
}

func rampartFastPath() *System {
	return &System{
		Name: "rampart-xdp", Title: "rampart (fast path)", Missing: available,
		Load: func(ctx context.Context, _ *Options, r *rig.Rig, set *filter.Set) (Instance, error) {
			return loadEarly(ctx, r, set, xdp.Always)
		},
	}
}

// rampartAuto has the fast path as a host would: it comes into use when there is load.
func rampartAuto() *System {
	return &System{
		Name: "rampart-auto", Title: "rampart (fast path, auto)", Missing: available,
		Load: func(ctx context.Context, _ *Options, r *rig.Rig, set *filter.Set) (Instance, error) {
			return loadEarly(ctx, r, set, xdp.Auto)
		},
	}
}

// fastPathStart is how long the sockets' workers are given to begin.
const fastPathStart = 50 * time.Millisecond
