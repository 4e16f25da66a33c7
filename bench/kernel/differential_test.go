package kernel

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"rampart/bench/gen"
	"rampart/bench/lab"
	"rampart/engine/ir"
	"rampart/model"
)

var (
	seedFlag     = flag.Uint64("seed", 1, "first seed of the random programs")
	programsFlag = flag.Int("programs", 200, "how many random programs are sent through the kernel for each lowering")
	packetsFlag  = flag.Int("packets", 60, "how many packets are made for each program")
)

// optionsOf varies the daemon's settings from seed to seed.
func optionsOf(seed uint64) ir.Options {
	o := rowOptions()
	dice := rand.New(rand.NewPCG(seed, 2))
	o.EndpointToHost = []model.Action{model.Deny, model.Allow, model.Pass}[dice.IntN(3)]
	o.KeepInvalid = dice.IntN(4) == 0
	if dice.IntN(2) == 0 {
		o.FailsafeIn = []ir.Failsafe{{Protocol: model.ProtoTCP, Port: 80}, {Protocol: model.ProtoUDP, Port: 53}}
		o.FailsafeOut = []ir.Failsafe{{Protocol: model.ProtoUDP, Port: 443}, {Protocol: model.ProtoTCP, Port: 8080}}
	}
	return o
}

// Random programs and packets: what the oracle says, walked along the packet's way, is what the kernel does, however the
// programs are lowered. A failure prints its seed and is shrunk to a case in testdata/cases.
func TestDifferential(t *testing.T) {
	for name, group := range lowerings() {
		t.Run(name, func(t *testing.T) {
			d := &differential{seen: map[string]int{}}
			d.links, d.top, d.prober = newLab(t)
			d.fw = firewallWith(t, d.top, group)
			last := *seedFlag + uint64(*programsFlag) - 1
			for seed := *seedFlag; seed <= last && !t.Failed(); seed++ {
				d.program(t, seed)
			}
			t.Logf("seeds %d to %d: %d packets: %v", *seedFlag, last, d.packets, d.seen)
			for _, what := range []string{"arrived", "dropped", "input", "output", "forward"} {
				if !t.Failed() && d.seen[what]*20 < d.packets {
					t.Errorf("only %d of %d packets %s", d.seen[what], d.packets, what)
				}
			}
		})
	}
}

// differential counts what one run has tried.
type differential struct {
	links   []lab.Link
	top     *lab.Topology
	prober  *lab.Prober
	fw      *firewall
	packets int
	seen    map[string]int
}

// program tries one random program.
func (d *differential) program(t *testing.T, seed uint64) {
	t.Helper()
	world := gen.World(seed, Frame(d.links, int(seed)))
	options := optionsOf(seed)
	path := NewPath(world, Node, Interfaces(d.links), options)
	d.fw.apply(t, world, options)
	wires := wiresOf(seed, d.links, *packetsFlag)
	arrived, err := d.prober.Send(probesOf(wires)...)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	for i, w := range wires {
		outcome, err := path.Walk(w.In, w.Out, w.Packet)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if outcome.Unsure {
			d.seen["unsure"]++
			continue
		}
		d.note(w, outcome)
		want := ""
		if outcome.Arrives {
			want = w.To
		}
		if arrived[i] != want {
			t.Errorf("seed %d: %s from %s (%s to %s, %d fragments) arrived at %q, want %q\n%s",
				seed, w.Packet, w.From, w.In, w.Out, w.Fragments, arrived[i], want, outcome)
			shrink(t, d.fw, d.prober, seed, world, options, w)
			return
		}
	}
}

// note counts a packet by what it tries.
func (d *differential) note(w Wire, o Outcome) {
	d.packets++
	hook, fate := "forward", "dropped"
	switch {
	case w.In == "":
		hook = "output"
	case w.Out == "":
		hook = "input"
	}
	if o.Arrives {
		fate = "arrived"
	}
	if w.Fragments > 1 {
		d.seen["fragments"]++
	}
	for _, what := range []string{hook, fate, fmt.Sprintf("%s/v%d", model.ProtocolLabel(w.Packet.Protocol), w.Packet.IPVersion())} {
		d.seen[what]++
	}
}

// wrong tells whether the kernel does with one packet what it should not.
func wrong(fw *firewall, prober *lab.Prober, world []model.Resource, options ir.Options, w Wire) bool {
	outcome, err := NewPath(world, Node, Interfaces(Links()), options).Walk(w.In, w.Out, w.Packet)
	if err != nil || outcome.Unsure {
		return false
	}
	if _, err := fw.backend.Apply(context.Background(), fw.program(world, options)); err != nil {
		return false
	}
	arrived, err := prober.Send(w.Probe)
	return err == nil && (arrived[0] == w.To) != outcome.Arrives
}

// shrink makes a failure small and keeps it.
func shrink(t *testing.T, fw *firewall, prober *lab.Prober, seed uint64, world []model.Resource, options ir.Options, w Wire) {
	t.Helper()
	if !wrong(fw, prober, world, options, w) {
		t.Errorf("seed %d: the failure depends on the packets or programs before it and cannot be shrunk", seed)
		return
	}
	for _, simpler := range []func(*Wire, *ir.Options){
		func(w *Wire, _ *ir.Options) { w.Fragments = 0 },
		func(_ *Wire, o *ir.Options) { o.FailsafeIn, o.FailsafeOut = nil, nil },
		func(_ *Wire, o *ir.Options) { o.KeepInvalid = false },
	} {
		w2, o2 := w, options
		if simpler(&w2, &o2); wrong(fw, prober, world, o2, w2) {
			w, options = w2, o2
		}
	}
	small, probe := gen.Shrink(world, model.Probe{Packet: w.Packet}, func(world []model.Resource, pr model.Probe) bool {
		w2 := w
		w2.Packet = pr.Packet
		return wrong(fw, prober, world, options, w2)
	})
	w.Packet = probe.Packet
	outcome, err := NewPath(small, Node, Interfaces(Links()), options).Walk(w.In, w.Out, w.Packet)
	if err != nil {
		t.Error(err)
		return
	}
	c := &Case{
		About: "say what was wrong", Seed: seed, Arrives: outcome.Arrives, Wire: w, Options: options, Resources: gen.Manifests(small),
	}
	file := filepath.Join("testdata", "cases", fmt.Sprintf("seed-%d.json", seed))
	if err := c.Write(file); err != nil {
		t.Error(err)
		return
	}
	t.Errorf("seed %d: shrunk to %s\n%s%s", seed, file, outcome, ir.Text(fw.program(small, options)))
}

// What once failed is right now.
func TestCases(t *testing.T) {
	paths, err := filepath.Glob("testdata/cases/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatal("no cases")
	}
	_, top, prober := newLab(t)
	fw := newFirewall(t, top)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, err := ReadCase(path)
			if err != nil {
				t.Fatal(err)
			}
			outcome, err := NewPath(c.World(), Node, Interfaces(Links()), c.Options).Walk(c.Wire.In, c.Wire.Out, c.Wire.Packet)
			if err != nil {
				t.Fatal(err)
			}
			if outcome.Arrives != c.Arrives {
				t.Errorf("the oracle says %v, the case %v:\n%s", outcome.Arrives, c.Arrives, outcome)
			}
			fw.apply(t, c.World(), c.Options)
			arrived, err := prober.Send(c.Wire.Probe)
			if err != nil {
				t.Fatal(err)
			}
			if got := arrived[0] == c.Wire.To; got != c.Arrives {
				t.Errorf("%s: %s\narrived: %v, want %v\n%s", c.About, c.Wire.Packet, got, c.Arrives, outcome)
			}
		})
	}
}
