package xdp_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"rampart/bench/lab"
	"rampart/bench/pktgen"
	"rampart/model"
	"rampart/xdp"
	"rampart/xdp/bpf"
)

// manyRules are n rules that each allow a prefix to a port.
func manyRules(n int) string {
	dice := rand.New(rand.NewPCG(uint64(n), 1))
	var b strings.Builder
	fmt.Fprint(&b, "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: eth0, labels: {side: out}}\n",
		"spec: {node: n1, interfaceName: eth0}\n")
	for i := range n {
		if i%1000 == 0 { // a policy has at most 1024
			fmt.Fprintf(&b, "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: in%d}\n"+
				"spec:\n  selector: side == 'out'\n  types: [Ingress]\n  ingress:\n", i)
		}
		fmt.Fprintf(&b, "  - {action: Allow, protocol: UDP, source: {nets: [\"%d.%d.%d.0/24\"]}, destination: {ports: [%d]}}\n",
			11+dice.IntN(80), dice.IntN(256), dice.IntN(256), 1+dice.IntN(2000))
	}
	return b.String()
}

// BenchmarkDeniedFlood sends UDP packets that no rule allows, from many random sources and from few, with nftables alone
// and with the fast path in front, in turn. It reports millions of packets a second and what the workers lost.
func BenchmarkDeniedFlood(b *testing.B) {
	for _, rules := range []int{10, 10_000, 100_000} {
		for _, sources := range []int{1000, 1 << 16} {
			b.Run(fmt.Sprintf("rules=%d/sources=%d", rules, sources), func(b *testing.B) {
				r := newRig(b, xdp.Config{})
				p := compilePolicy(b, manyRules(rules))
				start := time.Now()
				if _, err := r.full.Apply(context.Background(), p); err != nil {
					b.Fatal(err)
				}
				g := r.generator(b, sources)
				defer g.Close()
				b.Logf("nftables took %v to apply", time.Since(start))
				start = time.Now()
				if _, err := r.fast.Apply(context.Background(), p); err != nil {
					b.Fatal(err)
				}
				b.Logf("the fast path took %v to apply", time.Since(start))
				if _, err := g.Run(100 * time.Millisecond); err != nil {
					b.Fatal(err)
				}
				rate := map[string][]float64{}
				var lost, overload, denied uint64
				for b.Loop() {
					for range 5 {
						if err := r.fast.Clear(context.Background()); err != nil {
							b.Fatal(err)
						}
						// Without a program there the veth pair has no NAPI and takes no redirected frames.
						for _, bound := range []string{"nft", "drop"} {
							detach := r.bound(b, bound)
							rate[bound] = append(rate[bound], run(b, g))
							detach()
						}
						if _, err := r.fast.Apply(context.Background(), p); err != nil {
							b.Fatal(err)
						}
						// What can be cached is cached after this.
						if _, err := g.Run(400 * time.Millisecond); err != nil {
							b.Fatal(err)
						}
						rate["fast"] = append(rate["fast"], run(b, g))
						s := r.status()
						lost += s.Lost + s.Sockets[0].RxDropped
						overload += s.Events[bpf.OverloadPassed]
						denied += s.Denied + s.Events[bpf.CachedDeny]
					}
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(median(rate["nft"]), "nft-Mpps")
				b.ReportMetric(median(rate["fast"]), "fast-Mpps")
				b.ReportMetric(median(rate["drop"]), "drop-Mpps")
				b.ReportMetric(median(rate["fast"])/median(rate["nft"]), "fast/nft")
				b.ReportMetric(median(rate["fast"])/median(rate["drop"]), "fast/drop")
				b.ReportMetric(float64(lost), "lost")
				b.ReportMetric(float64(overload)/float64(overload+denied), "overload-share")
			})
		}
	}
}

func run(b *testing.B, g *pktgen.Generator) float64 {
	r, err := g.Run(300 * time.Millisecond)
	if err != nil {
		b.Fatal(err)
	}
	return 1e3 / r.Quantile(0.5)
}

func (r *rig) generator(tb testing.TB, sources int) *pktgen.Generator {
	var frames [][]byte
	dice := rand.New(rand.NewPCG(9, 9))
	for range sources {
		f := pktgen.Flow{SrcMAC: r.peer.MAC, DstMAC: r.peer.FirewallMAC, Packet: model.Packet{
			Src: netip.AddrFrom4([4]byte{198, byte(18 + dice.IntN(2)), byte(dice.IntN(256)), byte(dice.IntN(256))}), Dst: r.host(4),
			Protocol: model.ProtoUDP, SrcPort: uint16(1024 + dice.IntN(60000)), DstPort: uint16(1 + dice.IntN(2000)),
		}}
		b, err := f.Frame(60)
		if err != nil {
			tb.Fatal(err)
		}
		frames = append(frames, b)
	}
	eth0, err := r.peer.Links().LinkByName(lab.PeerInterface)
	if err != nil {
		tb.Fatal(err)
	}
	g, err := pktgen.New(pktgen.Config{NetNS: r.peer.FD(), Ifindex: eth0.Attrs().Index, Frames: frames, Random: true, Chunk: 1 << 16, CPU: 0, CPUPinned: true})
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// bound attaches a program that passes everything to nftables, or drops everything.
func (r *rig) bound(b *testing.B, name string) (detach func()) {
	code := int32(2)
	if name == "drop" {
		code = 1
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: name, Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R0, code), asm.Return(),
	}})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	eth0, err := r.top.Firewall.Links().LinkByName("eth0")
	if err != nil {
		b.Fatal(err)
	}
	var l link.Link
	err = r.top.Firewall.Do(func() (err error) {
		l, err = link.AttachXDP(link.XDPOptions{Program: p, Interface: eth0.Attrs().Index})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return func() { l.Close() }
}
