package kernel

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"rampart/bench/lab"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft"
	"rampart/nft/blocks"
	"rampart/nft/lower"
)

// firewall is the nft backend in the lab's firewall namespace.
type firewall struct {
	backend    *nft.Backend
	interfaces []compile.Interface
	generation uint64
}

func newFirewall(t *testing.T, top *lab.Topology) *firewall {
	t.Helper()
	return firewallWith(t, top, nil)
}

// lowerings are the ways a group of policies becomes nftables rules: the one a daemon uses, the plain one, and the one
// with maps made so eager that even short lists get some.
func lowerings() map[string]lower.GroupFunc {
	eager := blocks.DefaultCosts()
	eager.Short, eager.Cut, eager.Rule, eager.Alive, eager.Copy, eager.MinMap, eager.Map, eager.Together = 0, 0, 1000, 1000, 0.01, 1, 0, 1
	return map[string]lower.GroupFunc{"default": nil, "walk": lower.Walk, "eager": lower.BlocksWith(eager)}
}

// firewallWith is newFirewall with a lowering; nil is the default.
func firewallWith(t *testing.T, top *lab.Topology, group lower.GroupFunc) *firewall {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(complaints{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	b, err := nft.New(nft.Config{NetNS: top.Firewall.FD(), Group: group, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	f := &firewall{backend: b}
	for _, i := range Interfaces(Links()) {
		f.interfaces = append(f.interfaces, compile.Interface(i))
	}
	return f
}

// complaints fails the test in which a backend complains, as it does when the kernel refuses a delta. Only how deep chains
// nest is left to the kernel to refuse, when there is a delta.
type complaints struct{ t *testing.T }

func (c complaints) Write(b []byte) (int, error) {
	if s := string(b); !strings.Contains(s, "too many tiers") && !strings.Contains(s, "too many links") {
		c.t.Errorf("the backend complains: %s", b)
	}
	return len(b), nil
}

// program compiles resources for the lab's node.
func (f *firewall) program(resources []model.Resource, options ir.Options) *ir.Program {
	p := compile.Compile(store.ViewOf(resources...), compile.Host{Node: Node, Interfaces: f.interfaces}, options)
	f.generation++
	p.Generation = f.generation
	return p
}

// apply puts resources into force.
func (f *firewall) apply(t *testing.T, resources []model.Resource, options ir.Options) *ir.Program {
	t.Helper()
	p := f.program(resources, options)
	if _, err := f.backend.Apply(context.Background(), p); err != nil {
		t.Fatalf("apply: %v\n%s", err, ir.Text(p))
	}
	return p
}
