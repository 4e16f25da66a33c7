package bpf

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"rampart/bench/lab"
	"rampart/bench/pktgen"
	"rampart/model"
)

// BenchmarkFlood floods an interface with packets of flows that are denied in the cache, over a veth pair on one core, in
// turn with a program that drops everything: denials that do not depend on conntrack (final), those about which it is asked
// every time (asked), and only when there are notes of the flow (noted). It reports millions of packets a second and the
// ratios to dropping everything.
func BenchmarkFlood(b *testing.B) {
	for _, sources := range []int{1, 1000, 60_000} {
		b.Run(fmt.Sprintf("sources=%d", sources), func(b *testing.B) {
			l := newLab(b)
			near, far := namespace(b, l, "near"), namespace(b, l, "far")
			if err := lab.Veth(lab.End{Namespace: near, Interface: "x0"}, lab.End{Namespace: far, Interface: "y0"}); err != nil {
				b.Fatal(err)
			}
			hw, err := near.MAC("x0")
			if err != nil {
				b.Fatal(err)
			}
			frames, flows := denied(b, hw, sources)
			y0, x0 := index(b, far, "y0"), index(b, near, "x0")
			g, err := pktgen.New(pktgen.Config{NetNS: far.FD(), Ifindex: y0, Frames: frames, Random: true, Chunk: 1 << 16, CPU: 0, CPUPinned: true})
			if err != nil {
				b.Fatal(err)
			}
			defer g.Close()
			rate := map[string][]float64{}
			measure := func(name string, attach func() link.Link) {
				at := attach()
				defer at.Close()
				if _, err := g.Run(300 * time.Millisecond); err != nil {
					b.Fatal(err)
				}
				r, err := g.Run(150 * time.Millisecond)
				if err != nil {
					b.Fatal(err)
				}
				rate[name] = append(rate[name], 1e3/r.Quantile(0.5))
			}
			fast := func(o Options, flag uint32) func() link.Link {
				return func() link.Link {
					f := load(b, o)
					f.SetInterface(hw, 2000)
					verdicts := make([]Verdict, len(flows))
					for i := range verdicts {
						verdicts[i] = Verdict{Generation: 7, Slot: 3 | flag}
					}
					if err := f.Remember(flows, verdicts); err != nil {
						b.Fatal(err)
					}
					at, err := attach(near, f, x0)
					if err != nil {
						b.Fatal(err)
					}
					return at
				}
			}
			var notes *Notes
			if err := near.Do(func() (err error) { notes, err = NewNotes(); return err }); err != nil {
				b.Fatal(err)
			}
			defer notes.Close()
			for b.Loop() {
				for range 5 {
					measure("drop", func() link.Link { return dropAll(b, near, x0) })
					measure("final", fast(Options{}, Final))
					measure("asked", fast(Options{}, 0))
					measure("noted", fast(Options{Notes: notes}, 0))
				}
			}
			b.ReportMetric(0, "ns/op")
			for name, r := range rate {
				slices.Sort(r)
				b.ReportMetric(r[len(r)/2], name+"-Mpps")
			}
			drop := rate["drop"][len(rate["drop"])/2]
			for _, name := range []string{"final", "asked", "noted"} {
				b.ReportMetric(rate[name][len(rate[name])/2]/drop, name+"/drop")
			}
		})
	}
}

// denied are packets of n flows, and the flows.
func denied(b *testing.B, hw net.HardwareAddr, n int) (frames [][]byte, flows []Flow) {
	dice := rand.New(rand.NewPCG(9, 9))
	for range n {
		p := udp(netip.AddrFrom4([4]byte{198, 18, byte(dice.IntN(256)), byte(dice.IntN(256))}), b4,
			uint16(1024+dice.IntN(60000)), uint16(1+dice.IntN(2000)))
		flow := pktgen.Flow{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, DstMAC: hw, Packet: p}
		f, err := flow.Frame(60)
		if err != nil {
			b.Fatal(err)
		}
		frames, flows = append(frames, f), append(flows, NewFlow(p.Src, p.Dst, p.SrcPort, p.DstPort, model.ProtoUDP))
	}
	return frames, flows
}

func dropAll(b *testing.B, n *lab.Namespace, ifindex int) (l link.Link) {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "drop", Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R0, drop), asm.Return(),
	}})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	err = n.Do(func() (err error) {
		l, err = link.AttachXDP(link.XDPOptions{Program: p, Interface: ifindex, Flags: link.XDPDriverMode})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return l
}
