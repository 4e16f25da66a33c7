package sut

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"rampart/bench/filter"
	"rampart/bench/rig"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft"
	"rampart/nft/lower"
)

// netipAny is the prefix that holds every address of a rule's family.
func netipAny(r *filter.Rule) netip.Prefix {
	if r.Dst.Addr().Is6() {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}

// backend is rampart's own way from resources to the kernel, without the daemon around it: store, compiler, nftables.
type backend struct {
	store    *store.Store
	compiler *compile.Compiler
	nft      *nft.Backend
}

func newBackend(ctx context.Context, r *rig.Rig, set *filter.Set, group lower.GroupFunc) (*backend, error) {
	n, err := nft.New(nft.Config{NetNS: r.Firewall.FD(), Group: group})
	if err != nil {
		return nil, err
	}
	b := &backend{store: store.New(), compiler: compile.NewCompiler(ir.Options{}), nft: n}
	if err := b.apply(ctx, set); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return b, nil
}

func (b *backend) apply(ctx context.Context, set *filter.Set) error {
	change, err := b.store.Apply(&model.Bundle{Source: "bench", Resources: set.Resources()})
	if err != nil {
		return err
	}
	p := b.compiler.Compile(b.store.View(), change, compile.Host{Node: filter.Node})
	_, err = b.nft.Apply(ctx, p)
	return err
}

func (b *backend) Change(ctx context.Context, c *filter.Change) error { return b.apply(ctx, c.After) }

func (b *backend) Close() error { return b.nft.Close() }

// felixLike is the same policies in the layout of Calico's Felix, which package lower keeps as its plain form.
func felixLike() *System {
	return &System{
		Name: "felix-like", Title: "chain per policy, as Felix", Linear: true, Missing: available,
		Load: func(ctx context.Context, _ *Options, r *rig.Rig, set *filter.Set) (Instance, error) {
			return newBackend(ctx, r, set, lower.Walk)
		},
	}
}

func rampart() *System {
	return &System{
		Name: "rampart", Title: "rampart", Missing: available,
		Load: func(ctx context.Context, _ *Options, r *rig.Rig, set *filter.Set) (Instance, error) {
			return newBackend(ctx, r, set, lower.Blocks)
		},
	}
}

// errNoBinary is why the daemon is not measured.
func errNoBinary(o *Options) error {
	if o.Rampart == "" {
		return fmt.Errorf("no rampart binary was found; give --rampart")
	}
	return nil
}
