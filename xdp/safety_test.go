package xdp_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"rampart/bench/gen"
	"rampart/bench/kernel"
	"rampart/bench/lab"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft"
	"rampart/nft/lower"
	"rampart/xdp"
	"rampart/xdp/bpf"
)

var (
	seedFlag     = flag.Uint64("seed", 1, "first seed of the random programs")
	programsFlag = flag.Int("programs", 15, "how many random programs are sent through the kernel")
)

// hosts are the lab's interfaces with host endpoints.
var hosts = []string{"eth0", "eth1"}

// settled waits until the workers have dealt with all frames they were given.
func settled(b *xdp.Backend) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(200 * time.Microsecond) {
		status, err := b.Status()
		if err != nil {
			return err
		}
		var redirected, judged uint64
		for _, i := range status {
			redirected += i.Events[bpf.Redirected]
			judged += i.Judged
		}
		if redirected == judged {
			time.Sleep(2 * time.Millisecond) // on their way through the private veth
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("of %d packets given to workers, %d were judged", redirected, judged)
		}
	}
}

// surroundings are a firewall of the usual links, with nftables in charge, and a prober for it.
func surroundings(t *testing.T, group lower.GroupFunc) ([]lab.Link, *lab.Topology, *lab.Prober, *nft.Backend) {
	t.Helper()
	links := kernel.Links()
	top, err := lab.Build(lab.ForTest(t), links)
	if err != nil {
		t.Fatal(err)
	}
	prober, err := lab.NewProber(top)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { prober.Close() })
	full, err := nft.New(nft.Config{NetNS: top.Firewall.FD(), Group: group})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { full.Close() })
	return links, top, prober, full
}

// Whatever the fast path drops nftables drops too: random programs and packets arrive at the same places with it and
// without it, undecided and cached.
func TestFastPathOnlyDropsWhatNftDrops(t *testing.T) {
	links, top, prober, full := surroundings(t, nil)
	var interfaces []compile.Interface
	for _, i := range kernel.Interfaces(links) {
		interfaces = append(interfaces, compile.Interface(i))
	}
	type trial struct {
		program *ir.Program
		probes  []lab.Probe
		want    []string
	}
	var trials []trial
	send := func(tr *trial) []string {
		t.Helper()
		if _, err := full.Apply(context.Background(), tr.program); err != nil {
			t.Fatal(err)
		}
		got, err := prober.Send(tr.probes...)
		if err != nil {
			t.Fatalf("seed %d: %v", tr.program.Generation, err)
		}
		return got
	}
	for seed := *seedFlag; seed < *seedFlag+uint64(*programsFlag); seed++ {
		world := gen.World(seed, kernel.Frame(links, int(seed)))
		p := compile.Compile(store.ViewOf(world...), compile.Host{Node: kernel.Node, Interfaces: interfaces}, optionsOf(seed))
		p.Generation = seed
		tr := trial{program: p, probes: probesOf(seed, links, 150)}
		tr.want = send(&tr)
		trials = append(trials, tr)
	}
	fast, err := xdp.New(xdp.Config{NetNS: top.Firewall.FD(), Interfaces: hosts, Mode: xdp.Always, Frames: 512})
	if err != nil {
		t.Fatal(err)
	}
	defer fast.Close()
	prober.Settle = func() error { return settled(fast) }
	denied, passed := 0, 0
	for _, tr := range trials {
		if _, err := fast.Apply(context.Background(), tr.program); err != nil {
			t.Fatal(err)
		}
		before := count(t, fast)
		for run := range 3 { // the third time denials are cached
			got := send(&tr)
			for i := range tr.probes {
				if got[i] == tr.want[i] {
					continue
				}
				status, _ := fast.Status()
				t.Fatalf("seed %d run %d: %v from %s arrived at %q, without the fast path at %q\n%v\n%s",
					tr.program.Generation, run, tr.probes[i].Packet, tr.probes[i].From, got[i], tr.want[i], status, ir.Text(tr.program))
			}
		}
		after := count(t, fast)
		denied += max(0, after.denied-before.denied)
		passed += max(0, after.passed-before.passed)
	}
	t.Logf("seeds %d to %d: %d packets dropped early, %d given back or allowed from the cache", *seedFlag,
		*seedFlag+uint64(*programsFlag)-1, denied, passed)
	if denied < 10**programsFlag || passed < 10**programsFlag {
		t.Error("too few packets met the fast path")
	}
}

// counts are the packets that the fast path decided.
type counts struct{ denied, passed int }

func count(t *testing.T, b *xdp.Backend) (c counts) {
	t.Helper()
	status, err := b.Status()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range status {
		c.denied += int(i.Denied + i.Events[bpf.CachedDeny])
		c.passed += int(i.Judged - i.Denied + i.Events[bpf.CachedAllow])
	}
	return c
}

func optionsOf(seed uint64) ir.Options {
	dice := rand.New(rand.NewPCG(seed, 2))
	o := ir.Options{WorkloadPrefixes: []string{"cali"}, EndpointToHost: model.Deny, LogGroup: 1, KeepInvalid: dice.IntN(4) == 0}
	if dice.IntN(2) == 0 {
		o.FailsafeIn = []ir.Failsafe{{Protocol: model.ProtoTCP, Port: 80}, {Protocol: model.ProtoUDP, Port: 53}}
		o.FailsafeOut = []ir.Failsafe{{Protocol: model.ProtoUDP, Port: 443}, {Protocol: model.ProtoTCP, Port: 8080}}
	}
	return o
}

// probesOf makes packets that the lab can send to or through the firewall.
func probesOf(seed uint64, links []lab.Link, n int) []lab.Probe {
	cfg := kernel.Frame(links, int(seed))
	world := gen.World(seed, cfg)
	dice := rand.New(rand.NewPCG(seed, 3))
	var out []lab.Probe
	for _, pr := range gen.Probes(seed, cfg, world, n) {
		// What comes from a host to the firewall itself is what the fast path is for; of the rest some.
		if dice.IntN(2) == 0 {
			i := dice.IntN(2)
			family := 0
			if pr.Packet.IPVersion() == 6 {
				family = 1
			}
			pr.Packet.Dst = links[i].Gateway[family].Addr()
		}
		w, ok := kernel.Wires(links, pr.Packet, dice)
		if ok && (w.In == hosts[0] || w.In == hosts[1]) {
			out = append(out, w.Probe)
		}
	}
	return out
}
