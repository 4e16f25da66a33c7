package xdp

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"

	"rampart/bench/lab"
	"rampart/bench/pktgen"
	"rampart/model"
	"rampart/xdp/bpf"
	"rampart/xdp/table"
)

var testMAC = net.HardwareAddr{2, 0, 0, 0, 0, 1}

// testFrames are whole frames of every judged kind.
func testFrames(t testing.TB) [][]byte {
	t.Helper()
	a4, b4 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	a6, b6 := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	var out [][]byte
	for _, p := range []model.Packet{
		{Src: a4, Dst: b4, Protocol: model.ProtoTCP, SrcPort: 1000, DstPort: 80},
		{Src: a4, Dst: b4, Protocol: model.ProtoUDP, SrcPort: 1000, DstPort: 53},
		{Src: a4, Dst: b4, Protocol: model.ProtoSCTP, SrcPort: 1000, DstPort: 7},
		{Src: a4, Dst: b4, Protocol: model.ProtoICMP, ICMPType: 8},
		{Src: a6, Dst: b6, Protocol: model.ProtoTCP, SrcPort: 1000, DstPort: 80},
		{Src: a6, Dst: b6, Protocol: model.ProtoUDP, SrcPort: 1000, DstPort: 53},
		{Src: a6, Dst: b6, Protocol: model.ProtoICMPv6, ICMPType: 128},
	} {
		for _, size := range []int{60, 101} {
			f := pktgen.Flow{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, DstMAC: testMAC, Packet: p}
			b, err := f.Frame(size)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, b)
			// The same with a priority tag, and over IPv6 with an empty options header.
			out = append(out, append(append(append([]byte{}, b[:12]...), 0x81, 0, 0x60, 0), b[12:]...))
			if p.Src.Is6() {
				with := append(append(append([]byte{}, b[:54]...), b[20], 0, 1, 4, 0, 0, 0, 0), b[54:]...)
				with[20] = 60
				binary.BigEndian.PutUint16(with[18:], uint16(len(with)-54))
				out = append(out, with)
			}
		}
	}
	return out
}

// User space judges exactly the frames that the XDP program gives it, and knows them by the same key: whatever is changed
// in a frame.
func TestParseAgreesWithTheProgram(t *testing.T) {
	if err := lab.Require(); err != nil {
		t.Skip(err)
	}
	fast, err := bpf.Load(bpf.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer fast.Close()
	fast.SetInterface(testMAC, 2000)
	fast.SetFlags(bpf.Judge | bpf.Untracked)
	frames := testFrames(t)
	dice := rand.New(rand.NewPCG(1, 1))
	judged := 0
	for i := range 6000 {
		b := bytes.Clone(frames[i%len(frames)])
		if i >= len(frames) {
			for range 1 + dice.IntN(3) {
				b[12+dice.IntN(min(len(b)-12, 60))] ^= byte(1 << dice.IntN(8))
			}
			if dice.IntN(4) == 0 {
				b = b[:14+dice.IntN(len(b)-13)]
			}
		}
		var p packet
		parse(b, &p)
		if p.version != 0 {
			judged++
			if err := fast.Remember([]bpf.Flow{flowOf(&p)}, []bpf.Verdict{{Generation: uint32(i + 1), Slot: 0}}); err != nil {
				t.Fatal(err)
			}
		}
		fast.SetGeneration(uint32(i + 1))
		code, err := fast.Program().Run(&ebpf.RunOptions{Data: b})
		if err != nil {
			t.Fatal(err)
		}
		const drop, pass = 1, 2
		want := uint32(pass)
		if p.version != 0 {
			want = drop
		}
		if code != want {
			t.Fatalf("frame %x: parsed as %+v, the program says %d, want %d", b, p, code, want)
		}
	}
	t.Logf("%d frames judged", judged)
	if judged < 1000 {
		t.Error("too few frames were judged")
	}
}

func FuzzParse(f *testing.F) {
	for _, b := range testFrames(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p packet
		parse(b, &p)
		if p.version != 0 && (p.l3 < 14 || p.l4 <= p.l3 || p.end < p.l4 || p.end > len(b)) {
			t.Fatalf("%+v of %d octets", p, len(b))
		}
		before := bytes.Clone(b)
		complete(b, &p)
		again := bytes.Clone(b)
		complete(again, &p)
		if !bytes.Equal(b, again) && p.version != 0 {
			t.Fatalf("completed twice: %x, %x, %x", before, b, again)
		}
	})
}

// A checksum that was left to the hardware is completed; any other is left alone.
func TestComplete(t *testing.T) {
	for _, b := range testFrames(t) {
		var p packet
		parse(b, &p)
		proto := p.k4.Protocol
		addrs := b[p.l3+12 : p.l3+20]
		if p.version == 6 {
			proto, addrs = p.k6.Protocol, b[p.l3+8:p.l3+40]
		}
		at, ok := map[uint8]int{model.ProtoTCP: 16, model.ProtoUDP: 6, model.ProtoSCTP: 8}[proto]
		if !ok {
			continue
		}
		want := bytes.Clone(b)
		complete(b, &p)
		if !bytes.Equal(b, want) {
			t.Fatalf("right checksum changed: %x, was %x", b, want)
		}
		l4 := b[p.l4:p.end]
		if proto == model.ProtoSCTP {
			clear(l4[8:12])
		} else {
			binary.BigEndian.PutUint16(l4[at:], fold(sum(addrs)+uint32(proto)+uint32(len(l4))))
		}
		complete(b, &p)
		if !bytes.Equal(b, want) {
			t.Fatalf("partial checksum completed to %x, want %x", b, want)
		}
		l4[at] ^= 0x55
		wrong := bytes.Clone(b)
		complete(b, &p)
		if !bytes.Equal(b, wrong) {
			t.Fatalf("wrong checksum changed: %x, was %x", b, wrong)
		}
	}
}

// The replies to the host's failsafe connections are not subject to untracked policy; where that depends on who sends
// them, they are nftables'.
func TestFailsafeReplies(t *testing.T) {
	p := &policy{}
	p.setReplies(failsafes)
	for _, tc := range []struct {
		protocol uint8
		sport    uint16
		ruling   table.Ruling
		exempt   bool
	}{
		{model.ProtoUDP, 53, table.Continue, true},
		{model.ProtoTCP, 53, table.Pass, false},
		{model.ProtoTCP, 179, table.Pass, true},
		{model.ProtoTCP, 180, table.Continue, true},
	} {
		r, exempt := p.reply(tc.protocol, tc.sport)
		if exempt != tc.exempt || exempt && r != tc.ruling {
			t.Errorf("protocol %d from port %d: %v %v, want %v %v", tc.protocol, tc.sport, r, exempt, tc.ruling, tc.exempt)
		}
	}
}
