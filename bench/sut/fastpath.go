package sut

import (
	"context"
	"errors"
	"time"

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
	xdp *xdp.Backend
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

func (f *fastPath) Close() error { return errors.Join(f.xdp.Close(), f.nft.Close()) }

func rampartFastPath() *System {
	return &System{
		Name: "rampart-xdp", Title: "rampart (fast path)", Missing: available,
		Load: func(ctx context.Context, _ *Options, r *rig.Rig, set *filter.Set) (Instance, error) {
			n, err := nft.New(nft.Config{NetNS: r.Firewall.FD(), Group: lower.Blocks})
			if err != nil {
				return nil, err
			}
			x, err := xdp.New(xdp.Config{NetNS: r.Firewall.FD(), Interfaces: []string{rig.In}, Mode: xdp.Always})
			if err != nil {
				return nil, errors.Join(err, n.Close())
			}
			f := &fastPath{backend{store.New(), compile.NewCompiler(ir.Options{}), n}, x}
			if err := f.apply(ctx, set); err != nil {
				return nil, errors.Join(err, f.Close())
			}
			time.Sleep(fastPathStart)
			return f, nil
		},
	}
}

// fastPathStart is how long the sockets' workers are given to begin.
const fastPathStart = 50 * time.Millisecond
