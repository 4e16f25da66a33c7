package pktgen_test

import (
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"rampart/bench/lab"
	"rampart/bench/pktgen"
	"rampart/model"
)

// wire is a veth pair with a program on the far end.
func wire(t *testing.T, fd int) (near *lab.Namespace, x, y netlink.Link) {
	t.Helper()
	l := lab.ForTest(t)
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
	if x, err = a.Links().LinkByName("x0"); err != nil {
		t.Fatal(err)
	}
	if y, err = b.Links().LinkByName("y0"); err != nil {
		t.Fatal(err)
	}
	if err := b.Do(func() error { return netlink.LinkSetXdpFdWithFlags(y, fd, unix.XDP_FLAGS_DRV_MODE) }); err != nil {
		t.Fatal(err)
	}
	return a, x, y
}

func frames(t *testing.T, n int, x, y netlink.Link, shape func(i int, f *pktgen.Flow)) [][]byte {
	t.Helper()
	out := make([][]byte, n)
	for i := range out {
		f := pktgen.Flow{SrcMAC: x.Attrs().HardwareAddr, DstMAC: y.Attrs().HardwareAddr, Packet: model.Packet{
			Src: pktgen.Addr4(0xc0000200 + uint32(i)), Dst: pktgen.Addr4(0xc6336401), Protocol: model.ProtoUDP, SrcPort: 9, DstPort: 9,
		}}
		shape(i, &f)
		var err error
		if out[i], err = f.Frame(pktgen.StampedMin); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// A paced generator sends what the timetable says, and every frame's way is recorded.
func TestPace(t *testing.T) {
	r, err := recorder(t, 10, true)
	if err != nil {
		t.Fatal(err)
	}
	near, x, y := wire(t, r.Program.FD())
	g, err := pktgen.New(pktgen.Config{
		NetNS: near.FD(), Ifindex: x.Attrs().Index, Gaps: []uint32{50_000, 150_000},
		Frames: frames(t, 10, x, y, func(_ int, f *pktgen.Flow) { f.NoChecksum = true }),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	result, err := g.Run(50 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if want := uint64(result.Elapsed / (100 * time.Microsecond)); result.Sent < 2 || result.Sent > want+2 {
		t.Errorf("%d frames in %v", result.Sent, result.Elapsed)
	}
	arrivals, err := r.Arrivals()
	if err != nil {
		t.Fatal(err)
	}
	var sum uint64
	for i, a := range arrivals {
		sum += a.Count
		if a.Count > 0 && (a.FirstTag != uint64(i) || a.Last < a.First || a.LastTag%10 != uint64(i)) {
			t.Errorf("frame %d: %+v", i, a)
		}
	}
	if sum != result.Sent {
		t.Errorf("%d of %d arrived", sum, result.Sent)
	}
	delays, err := r.Delays(result.Sent)
	if err != nil || uint64(len(delays)) != result.Sent || slices.Contains(delays, 0) {
		t.Errorf("%d delays, %v: %v", len(delays), err, delays)
	}
}

// Tagged frames keep their tags and their checksums.
func TestTags(t *testing.T) {
	r, err := recorder(t, 4, false)
	if err != nil {
		t.Fatal(err)
	}
	near, x, y := wire(t, r.Program.FD())
	g, err := pktgen.New(pktgen.Config{NetNS: near.FD(), Ifindex: x.Attrs().Index, Frames: frames(t, 3, x, y, func(i int, f *pktgen.Flow) {
		f.Tagged, f.Tag = true, uint64(i)
	})})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.Send(5); err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint64{2, 2, 1, 0} {
		if a, err := r.Arrival(i); err != nil || a.Count != want {
			t.Errorf("frame %d: %+v, %v", i, a, err)
		}
	}
}

func recorder(t *testing.T, frames int, delays bool) (*pktgen.Recorder, error) {
	t.Helper()
	if err := lab.Require(); err != nil {
		t.Skip(err)
	}
	r, err := pktgen.NewRecorder(frames, delays)
	if err == nil {
		t.Cleanup(func() { _ = r.Close() })
	}
	return r, err
}

func TestPacedFramesMustHaveRoom(t *testing.T) {
	for name, c := range map[string]pktgen.Config{
		"short frames": {Frames: [][]byte{make([]byte, 64)}, Gaps: []uint32{1}},
		"three gaps":   {Frames: [][]byte{make([]byte, 96)}, Gaps: []uint32{1, 1, 1}},
		"random order": {Frames: [][]byte{make([]byte, 96)}, Gaps: []uint32{1}, Random: true},
	} {
		if g, err := pktgen.New(c); err == nil {
			_ = g.Close()
			t.Errorf("%s are accepted", name)
		}
	}
}
