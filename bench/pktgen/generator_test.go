package pktgen_test

import (
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"rampart/bench/lab"
	"rampart/bench/pktgen"
	"rampart/model"
)

// Every frame sent arrives at the other end of the veth pair, in order of the list and at random.
func TestEveryFrameArrives(t *testing.T) {
	if err := lab.Require(); err != nil {
		t.Skip(err)
	}
	l, err := lab.New()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := l.Namespace("a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Namespace("b")
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.Veth(lab.End{Namespace: a, Interface: "x0"}, lab.End{Namespace: b, Interface: "y0"}); err != nil {
		t.Fatal(err)
	}
	x, err := a.Links().LinkByName("x0")
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.Links().LinkByName("y0")
	if err != nil {
		t.Fatal(err)
	}
	sink, err := pktgen.NewSink()
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	err = b.Do(func() error { return netlink.LinkSetXdpFdWithFlags(y, sink.Program.FD(), unix.XDP_FLAGS_DRV_MODE) })
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for i := range 10 {
		f := pktgen.Flow{SrcMAC: x.Attrs().HardwareAddr, DstMAC: y.Attrs().HardwareAddr, Packet: model.Packet{
			Src: pktgen.Addr4(0xc0000200 + uint32(i)), Dst: pktgen.Addr4(0xc6336401), Protocol: model.ProtoUDP, SrcPort: 9, DstPort: 9,
		}}
		frame, err := f.Frame(64)
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, frame)
	}
	for _, random := range []bool{false, true} {
		g, err := pktgen.New(pktgen.Config{NetNS: a.FD(), Ifindex: x.Attrs().Index, Frames: frames, Random: random})
		if err != nil {
			t.Fatal(err)
		}
		before, err := sink.Arrived()
		if err != nil {
			t.Fatal(err)
		}
		const n = 20_000
		r, err := g.Send(n)
		if err != nil {
			t.Fatal(err)
		}
		after, err := sink.Arrived()
		if err != nil {
			t.Fatal(err)
		}
		if r.Sent != n || after-before != n {
			t.Errorf("random %t: sent %d of %d, %d arrived", random, r.Sent, n, after-before)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}
