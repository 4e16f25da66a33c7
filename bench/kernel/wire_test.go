package kernel

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"rampart/bench/gen"
	"rampart/bench/lab"
)

// wiresOf makes the packets that are sent for one random program.
func wiresOf(seed uint64, links []lab.Link, n int) []Wire {
	cfg := Frame(links, int(seed))
	dice := rand.New(rand.NewPCG(seed, 1))
	var out []Wire
	for _, pr := range gen.Probes(seed, cfg, gen.World(seed, cfg), n) {
		if w, ok := Wires(links, pr.Packet, dice); ok {
			out = append(out, w)
		}
	}
	return out
}

func probesOf(wires []Wire) []lab.Probe {
	out := make([]lab.Probe, len(wires))
	for i, w := range wires {
		out[i] = w.Probe
	}
	return out
}

// newLab builds the lab of the kernel tests.
func newLab(t *testing.T) ([]lab.Link, *lab.Topology, *lab.Prober) {
	t.Helper()
	links := Links()
	top, err := lab.Build(lab.ForTest(t), links)
	if err != nil {
		t.Fatal(err)
	}
	p, err := lab.NewProber(top)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return links, top, p
}

// Without a firewall everything arrives where Wires says, so that what does not arrive later was dropped by policy; and
// the packets cover all hooks.
func TestWiresArriveWithoutFirewall(t *testing.T) {
	links, top, p := newLab(t)
	const tracking = "table inet tracking {\n chain c { type filter hook forward priority 0; ct state new accept; }\n}\n"
	if _, err := top.Firewall.Run(context.Background(), tracking, "nft", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	hooks := map[string]int{}
	for seed := range uint64(20) {
		wires := wiresOf(seed, links, 100)
		got, err := p.Send(probesOf(wires)...)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i, w := range wires {
			switch {
			case w.In == "":
				hooks["output"]++
			case w.Out == "":
				hooks["input"]++
			default:
				hooks["forward"]++
			}
			if got[i] != w.To {
				t.Errorf("seed %d: %v from %s arrived at %q, want %q", seed, w.Packet, w.From, got[i], w.To)
			}
		}
	}
	t.Logf("packets sent: %v", hooks)
	for _, hook := range []string{"input", "forward", "output"} {
		if hooks[hook] < 50 {
			t.Errorf("only %d packets through hook %s", hooks[hook], hook)
		}
	}
}

// tally counts the packets that were compared.
type tally struct{ sent, compared, arrived int }

// compare sends packets and holds what arrives against the walk along their way. wrong tells of the first that fared otherwise.
func (n *tally) compare(t *testing.T, prober *lab.Prober, path *Path, wires []Wire) (wrong string) {
	t.Helper()
	arrived, err := prober.Send(probesOf(wires)...)
	if err != nil {
		t.Fatal(err)
	}
	n.sent += len(wires)
	for i, w := range wires {
		outcome, err := path.Walk(w.In, w.Out, w.Packet)
		if err != nil {
			t.Fatal(err)
		}
		if outcome.Unsure {
			continue
		}
		want := ""
		if n.compared++; outcome.Arrives {
			n.arrived++
			want = w.To
		}
		if arrived[i] != want {
			return fmt.Sprintf("%s from %s (%s to %s, %d fragments) arrived at %q, want %q\n%s",
				w.Packet, w.From, w.In, w.Out, w.Fragments, arrived[i], want, outcome)
		}
	}
	return ""
}

// demand fails the test if it has proved little: of packets that all fare alike, or that nobody can say anything about.
func (n *tally) demand(t *testing.T, what string) {
	t.Helper()
	if n.compared == 0 || n.compared*2 < n.sent || n.arrived*8 < n.compared || n.arrived*8 > 7*n.compared {
		t.Errorf("%s: %d packets were sent, %d compared, %d arrived, which proves little", what, n.sent, n.compared, n.arrived)
	}
}
