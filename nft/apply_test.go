package nft_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/bench/gen"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft"
)

var options = ir.Options{
	WorkloadPrefixes: []string{"cali"}, EndpointToHost: model.Deny, LogGroup: 5, LogPrefix: "rampart", LogRate: 10,
	FailsafeIn:  []ir.Failsafe{{Protocol: model.ProtoTCP, Port: 22}, {Protocol: model.ProtoUDP, Port: 68}},
	FailsafeOut: []ir.Failsafe{{Protocol: model.ProtoUDP, Port: 53}},
}

func world(seed uint64, opts ir.Options) *ir.Program {
	cfg := gen.DefaultConfig()
	return compile.Compile(store.ViewOf(gen.World(seed, cfg)...), compile.Host{Node: cfg.Node}, opts)
}

func apply(t *testing.T, b *nft.Backend, p *ir.Program) ir.Receipt {
	t.Helper()
	r, err := b.Apply(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestTextAndNetlinkAgree loads random programs twice, through netlink and as text through nft(8), and compares what
// nft lists.
func TestTextAndNetlinkAgree(t *testing.T) {
	ns := hosts(t, 2)
	b := backend(t, ns[0], nft.Config{})
	for seed := range uint64(25) {
		opts := options
		opts.Reject = seed%2 == 1
		p := world(seed, opts)
		apply(t, b, p)
		text, err := nft.Render(p)
		if err != nil {
			t.Fatal(err)
		}
		cli(t, ns[1], "flush ruleset\n"+text, "-f", "-")
		got, want := cli(t, ns[0], "", "list", "ruleset"), cli(t, ns[1], "", "list", "ruleset")
		if d := cmp.Diff(pieces(normalise(want)), pieces(normalise(got))); d != "" {
			t.Fatalf("seed %d: text (-) and netlink (+) differ:\n%s", seed, d)
		}
	}
}
