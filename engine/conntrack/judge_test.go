package conntrack

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"rampart/bench/gen"
	"rampart/bench/kernel"
	"rampart/bench/lab"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// The judge, which knows the compiled program, agrees with a walk that knows only the resources, on random policies and
// connections.
func TestJudgeEqualsWalk(t *testing.T) {
	links := kernel.Links()
	var host compile.Host
	host.Node = kernel.Node
	for _, i := range kernel.Interfaces(links) {
		host.Interfaces = append(host.Interfaces, compile.Interface(i))
	}
	seen := map[string]int{}
	const programs, packets = 150, 80
	for seed := range uint64(programs) {
		world := gen.World(seed, kernel.Frame(links, int(seed)))
		dice := rand.New(rand.NewPCG(seed, 7))
		options := optionsOf(dice)
		path := kernel.NewPath(world, kernel.Node, kernel.Interfaces(links), options)
		j := newJudge(compile.Compile(store.ViewOf(world...), host, options))
		for range packets {
			f, from, to := connection(dice, links)
			if from.local && to.local {
				continue
			}
			outcome, err := path.Walk(from.iface, to.iface, f.original())
			if err != nil {
				t.Fatal(err)
			}
			if j.failsafe(&f, from, to) {
				seen["failsafe"]++
				continue
			}
			by, denied := j.denies(&f, from, to)
			if denied == outcome.Arrives {
				t.Fatalf("seed %d: %s from %+v to %+v: denied %t by %q, the walk says\n%s", seed, f.original(), from, to, denied, by, outcome)
			}
			if denied != (by != "") {
				t.Errorf("seed %d: denied %t by %q", seed, denied, by)
			}
			seen[map[bool]string{true: "denied", false: "allowed"}[denied]]++
		}
	}
	t.Logf("%v", seen)
	for _, what := range []string{"failsafe", "denied", "allowed"} {
		if seen[what] < 100 {
			t.Errorf("%d connections were %s", seen[what], what)
		}
	}
}

func optionsOf(dice *rand.Rand) ir.Options {
	o := ir.Options{WorkloadPrefixes: []string{"cali"}}
	o.EndpointToHost = []model.Action{model.Deny, model.Allow, model.Pass}[dice.IntN(3)]
	o.FailsafeIn = []ir.Failsafe{{Protocol: model.ProtoTCP, Port: 80}, {Protocol: model.ProtoUDP, Port: 53, Net: netip.MustParsePrefix("10.10.0.0/24")}}
	o.FailsafeOut = []ir.Failsafe{{Protocol: model.ProtoUDP, Port: 443}}
	return o
}

// connection makes one without NAT.
func connection(dice *rand.Rand, links []lab.Link) (f flow, from, to place) {
	family := dice.IntN(2)
	pick := func() (netip.Addr, place) {
		n := dice.IntN(len(links) + 2)
		if n >= len(links) {
			return links[0].Gateway[family].Addr(), place{local: true, known: true}
		}
		l := links[n]
		p := place{iface: l.Interface, known: true}
		if len(l.Behind) > 0 && dice.IntN(3) == 0 {
			return l.Behind[family].Addr().Next(), p
		}
		for _, a := range l.Addrs {
			if a.Is4() == (family == 0) {
				return a, p
			}
		}
		panic("no address")
	}
	f.orig.src, from = pick()
	f.orig.dst, to = pick()
	f.orig.protocol = []uint8{model.ProtoTCP, model.ProtoUDP, model.ProtoICMP, model.ProtoSCTP, 253}[dice.IntN(5)]
	ports := []uint16{53, 80, 443, 8080, 40000}
	f.orig.sport, f.orig.dport = ports[dice.IntN(len(ports))], ports[dice.IntN(len(ports))]
	if f.orig.protocol == model.ProtoICMP {
		f.orig.icmpType = 8
		if family == 1 {
			f.orig.protocol, f.orig.icmpType = model.ProtoICMPv6, 128
		}
	}
	f.reply = tuple{src: f.orig.dst, dst: f.orig.src, protocol: f.orig.protocol, sport: f.orig.dport, dport: f.orig.sport}
	return f, from, to
}
