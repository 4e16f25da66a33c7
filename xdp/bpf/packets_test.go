package bpf

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"

	"rampart/bench/lab"
	"rampart/bench/pktgen"
	"rampart/engine/ir"
	"rampart/model"
)

var (
	mac = net.HardwareAddr{0x02, 0, 0, 0, 0, 1}
	a4  = netip.MustParseAddr("192.0.2.1")
	b4  = netip.MustParseAddr("198.51.100.1")
	a6  = netip.MustParseAddr("2001:db8::1")
	b6  = netip.MustParseAddr("2001:db8::2")
)

// Return codes of XDP programs (uapi linux/bpf.h).
const (
	drop = 1
	pass = 2
)

func load(t testing.TB, o Options) *FastPath {
	t.Helper()
	if err := lab.Require(); err != nil {
		t.Skip(err)
	}
	f, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	f.SetInterface(mac, 2000)
	f.SetGeneration(7)
	f.SetFlags(Judge | Untracked)
	return f
}

// frame is a packet for our hardware address, changed afterwards by edit.
func frame(t testing.TB, p model.Packet, edit func([]byte) []byte) []byte {
	t.Helper()
	flow := pktgen.Flow{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, DstMAC: mac, Packet: p}
	b, err := flow.Frame(100)
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		b = edit(b)
	}
	return b
}

func run(t *testing.T, f *FastPath, packet []byte) uint32 {
	t.Helper()
	code, err := f.Program().Run(&ebpf.RunOptions{Data: packet})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// eventOf runs the program and tells which event it counted.
func eventOf(t *testing.T, f *FastPath, packet []byte) (Event, uint32) {
	t.Helper()
	before, err := f.Events()
	if err != nil {
		t.Fatal(err)
	}
	code := run(t, f, packet)
	after, err := f.Events()
	if err != nil {
		t.Fatal(err)
	}
	for e := range after {
		if after[e] != before[e] {
			return Event(e), code
		}
	}
	t.Fatal("no event was counted")
	return 0, 0
}

func udp(src, dst netip.Addr, sport, dport uint16) model.Packet {
	return model.Packet{Src: src, Dst: dst, Protocol: model.ProtoUDP, SrcPort: sport, DstPort: dport}
}

// Whatever is not plainly to be judged is the stack's; the rest asks for a verdict.
func TestWhichPacketsAreJudged(t *testing.T) {
	f := load(t, Options{})
	tcp := model.Packet{Src: a4, Dst: b4, Protocol: model.ProtoTCP, SrcPort: 1, DstPort: 2}
	tcp6 := model.Packet{Src: a6, Dst: b6, Protocol: model.ProtoTCP, SrcPort: 1, DstPort: 2}
	echo4 := model.Packet{Src: a4, Dst: b4, Protocol: model.ProtoICMP, ICMPType: 8}
	echo6 := model.Packet{Src: a6, Dst: b6, Protocol: model.ProtoICMPv6, ICMPType: 128}
	set := func(at int, v ...byte) func([]byte) []byte {
		return func(b []byte) []byte { copy(b[at:], v); return b }
	}
	tag := func(tci uint16) func([]byte) []byte {
		return func(b []byte) []byte {
			v := binary.BigEndian.AppendUint16([]byte{0x81, 0}, tci)
			return append(append(append([]byte{}, b[:12]...), v...), b[12:]...)
		}
	}
	// insert6 puts an extension header of 8 octets in front of the upper layer.
	insert6 := func(header ...byte) func([]byte) []byte {
		return func(b []byte) []byte {
			ext := make([]byte, 8)
			copy(ext[1:], header[1:])
			ext[0] = b[20]
			out := append(append(append([]byte{}, b[:54]...), ext...), b[54:]...)
			out[20] = header[0]
			binary.BigEndian.PutUint16(out[18:], uint16(len(out)-54))
			return out
		}
	}
	for _, tc := range []struct {
		name   string
		packet model.Packet
		edit   func([]byte) []byte
		want   Event
	}{
		{"udp", udp(a4, b4, 1, 2), nil, Undecided},
		{"tcp", tcp, nil, Undecided},
		{"udp over ipv6", udp(a6, b6, 1, 2), nil, Undecided},
		{"tcp over ipv6", tcp6, nil, Undecided},
		{"sctp", model.Packet{Src: a4, Dst: b4, Protocol: model.ProtoSCTP, SrcPort: 1, DstPort: 2}, nil, Undecided},
		{"echo request", echo4, nil, Undecided},
		{"echo request over ipv6", echo6, nil, Undecided},
		{"priority tag", tcp, tag(0x6000), Undecided},
		{"hop-by-hop options", tcp6, insert6(0, 0), Undecided},
		{"destination options", tcp6, insert6(60, 0), Undecided},
		{"three options headers", tcp6, func(b []byte) []byte { return insert6(0, 0)(insert6(60, 0)(insert6(60, 0)(b))) }, Undecided},
		{"udp without a checksum", udp(a4, b4, 1, 2), set(40, 0, 0), Undecided},
		{"trailing octets after the packet", tcp, func(b []byte) []byte { return append(b, make([]byte, 30)...) }, Undecided},

		{"vlan tag", tcp, tag(0x0064), Other},
		{"double tag", tcp, func(b []byte) []byte { return tag(0)(tag(0x64)(b)) }, Other},
		{"service tag", tcp, func(b []byte) []byte { b = tag(0)(b); b[12], b[13] = 0x88, 0xa8; return b }, Other},
		{"arp", tcp, set(12, 0x08, 0x06), Other},
		{"length instead of type", tcp, set(12, 0x00, 0x2e), Other},
		{"other hardware address", tcp, set(5, 9), Other},
		{"broadcast", tcp, set(0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), Other},
		{"first fragment", tcp, set(20, 0x20, 0x00), Other},
		{"later fragment", tcp, set(20, 0x00, 0x10), Other},
		{"do not fragment", tcp, set(20, 0x40, 0x00), Undecided},
		{"ip options", tcp, set(14, 0x46), Other},
		{"ip header too short", tcp, set(14, 0x44), Other},
		{"wrong ip version", tcp, set(14, 0x65), Other},
		{"total length beyond the frame", tcp, set(16, 0x05, 0xdc), Other},
		{"total length within the header", tcp, set(16, 0x00, 0x10), Other},
		{"tcp header cut off by the total length", tcp, set(16, 0x00, 0x27), Other},
		{"udp header cut off by the total length", udp(a4, b4, 1, 2), set(16, 0x00, 0x1b), Other},
		{"ipv6 fragment", tcp6, insert6(44, 0), Other},
		{"ipv6 routing header", tcp6, insert6(43, 0), Other},
		{"ipv6 authentication header", tcp6, insert6(51, 0), Other},
		{"four options headers", tcp6, func(b []byte) []byte { return insert6(0, 0)(insert6(60, 0)(insert6(60, 0)(insert6(60, 0)(b)))) }, Other},
		{"frame in several buffers", udp(a4, b4, 1, 2), func(b []byte) []byte {
			b = append(b, make([]byte, 8986)...)
			binary.BigEndian.PutUint16(b[16:], uint16(len(b)-14))
			return b
		}, Other},
		{"ipv6 option longer than the packet", tcp6, insert6(60, 200), Other},
		{"ipv6 payload length beyond the frame", tcp6, set(18, 0x05, 0xdc), Other},
		{"jumbo payload", tcp6, set(18, 0, 0), Other},
		{"udplite", model.Packet{Src: a4, Dst: b4, Protocol: model.ProtoUDPLite}, nil, Other},
		{"gre", model.Packet{Src: a4, Dst: b4, Protocol: 47}, nil, Other},
		{"ip in ip", model.Packet{Src: a4, Dst: b4, Protocol: 4}, nil, Other},
		{"destination unreachable", model.Packet{Src: a4, Dst: b4, Protocol: model.ProtoICMP, ICMPType: 3}, nil, Other},
		{"echo reply", model.Packet{Src: a4, Dst: b4, Protocol: model.ProtoICMP, ICMPType: 0}, nil, Other},
		{"packet too big", model.Packet{Src: a6, Dst: b6, Protocol: model.ProtoICMPv6, ICMPType: 2}, nil, Other},
		{"neighbour solicitation", model.Packet{Src: a6, Dst: b6, Protocol: model.ProtoICMPv6, ICMPType: 135}, nil, Other},
		{"icmpv6 in ipv4", tcp, func(b []byte) []byte { b[23], b[34] = model.ProtoICMPv6, 128; return b }, Other},
		{"ethernet header only", tcp, func(b []byte) []byte { return b[:14] }, Other},
		{"half an ip header", tcp, func(b []byte) []byte { return b[:24] }, Other},
	} {
		if got, code := eventOf(t, f, frame(t, tc.packet, tc.edit)); got != tc.want || code != pass {
			t.Errorf("%s: %v (code %d), want %v and pass", tc.name, got, code, tc.want)
		}
	}
	f.SetFlags(Judge)
	for _, p := range []model.Packet{echo4, echo6, {Src: a4, Dst: b4, Protocol: model.ProtoSCTP}} {
		if got, _ := eventOf(t, f, frame(t, p, nil)); got != Other {
			t.Errorf("%v without untracked policy: %v, want other", p, got)
		}
	}
	f.SetFlags(0)
	if got, _ := eventOf(t, f, frame(t, tcp, nil)); got != Other {
		t.Errorf("switched off: %v", got)
	}
}

// Cut a packet short at every length: no verdict on what is incomplete.
func TestTruncatedPacketsAreTheStacks(t *testing.T) {
	f := load(t, Options{})
	whole := frame(t, model.Packet{Src: a6, Dst: b6, Protocol: model.ProtoTCP, SrcPort: 1, DstPort: 2}, nil)
	for n := 14; n < len(whole); n++ {
		if got, code := eventOf(t, f, whole[:n]); got != Other || code != pass {
			t.Errorf("%d of %d octets: %v, code %d", n, len(whole), got, code)
		}
	}
}

func TestVerdictCache(t *testing.T) {
	f := load(t, Options{Slots: 8})
	for _, tc := range []struct {
		name    string
		packet  model.Packet
		flow    Flow
		verdict Verdict
		want    Event
		code    uint32
	}{
		{"deny", udp(a4, b4, 1000, 53), NewFlow(a4, b4, 1000, 53, model.ProtoUDP), Verdict{7, 3}, CachedDeny, drop},
		{"deny of another port", udp(a4, b4, 1001, 53), NewFlow(a4, b4, 1000, 53, model.ProtoUDP), Verdict{7, 3}, Undecided, pass},
		{"deny over ipv6", udp(a6, b6, 1, 2), NewFlow(a6, b6, 1, 2, model.ProtoUDP), Verdict{7, 3}, CachedDeny, drop},
		{"final deny", udp(a4, b4, 1, 9), NewFlow(a4, b4, 1, 9, model.ProtoUDP), Verdict{7, 4 | Final}, CachedDeny, drop},
		{"allow", udp(a4, b4, 1, 2), NewFlow(a4, b4, 1, 2, model.ProtoUDP), Verdict{7, Allow}, CachedAllow, pass},
		{"deny of an older program", udp(a4, b4, 1, 3), NewFlow(a4, b4, 1, 3, model.ProtoUDP), Verdict{6, 3}, Undecided, pass},
		{"deny of echo requests", model.Packet{Src: a4, Dst: b4, Protocol: model.ProtoICMP, ICMPType: 8},
			NewFlow(a4, b4, 8, 0, model.ProtoICMP), Verdict{7, 3}, CachedDeny, drop},
	} {
		if err := f.Remember([]Flow{tc.flow}, []Verdict{tc.verdict}); err != nil {
			t.Fatal(err)
		}
		if got, code := eventOf(t, f, frame(t, tc.packet, nil)); got != tc.want || code != tc.code {
			t.Errorf("%s: %v (code %d), want %v (%d)", tc.name, got, code, tc.want, tc.code)
		}
	}
	denied, err := f.Denied(8)
	if err != nil {
		t.Fatal(err)
	}
	if want := (ir.Counter{Packets: 3, Bytes: 3 * 86}); denied[3] != want || denied[2] != (ir.Counter{}) || denied[4].Packets != 1 {
		t.Errorf("denied counts %v, want %v at 3", denied, want)
	}
	f.SetGeneration(8)
	if got, code := eventOf(t, f, frame(t, udp(a4, b4, 1000, 53), nil)); got != Undecided || code != pass {
		t.Errorf("after a new generation: %v (code %d), want undecided", got, code)
	}
	if v, ok, err := f.Cached(NewFlow(a4, b4, 1, 2, model.ProtoUDP)); err != nil || !ok || v != (Verdict{7, Allow}) {
		t.Errorf("cached: %v %v %v", v, ok, err)
	}
	if err := Quiesce(); err != nil {
		t.Error(err)
	}
}

// Failsafe ports pass even with a cached denial, and stop to when they are taken off the list.
func TestFailsafes(t *testing.T) {
	f := load(t, Options{})
	ssh := model.Packet{Src: a4, Dst: b4, Protocol: model.ProtoTCP, SrcPort: 1000, DstPort: 22}
	if err := f.Remember([]Flow{NewFlow(a4, b4, 1000, 22, model.ProtoTCP)}, []Verdict{{7, 0}}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		list []ir.Failsafe
		want Event
	}{
		{[]ir.Failsafe{{Protocol: model.ProtoTCP, Port: 22}, {Protocol: model.ProtoUDP, Port: 68}}, FailsafePort},
		{[]ir.Failsafe{{Protocol: model.ProtoUDP, Port: 22}}, CachedDeny},
		{nil, CachedDeny},
	} {
		if err := f.SetFailsafes(tc.list); err != nil {
			t.Fatal(err)
		}
		if got, _ := eventOf(t, f, frame(t, ssh, nil)); got != tc.want {
			t.Errorf("failsafes %v: %v, want %v", tc.list, got, tc.want)
		}
	}
}

// Without a socket, and with a full one, packets are the stack's, unless the operator wants them dropped.
func TestRoom(t *testing.T) {
	f := load(t, Options{})
	p := frame(t, udp(a4, b4, 1, 2), nil)
	for _, tc := range []struct {
		name  string
		room  uint64
		flags Flags
		want  Event
		code  uint32
	}{
		{"not redirecting", 5, Judge, Undecided, pass},
		{"no socket", 5, Judge | Redirect, Undecided, pass},
		{"full", 0, Judge | Redirect, OverloadPassed, pass},
		{"full and told to drop", 0, Judge | Redirect | OverloadDrop, OverloadDropped, drop},
	} {
		f.Room(0).Set(0, tc.room)
		f.SetFlags(tc.flags)
		if got, code := eventOf(t, f, p); got != tc.want || code != tc.code {
			t.Errorf("%s: %v (code %d), want %v (%d)", tc.name, got, code, tc.want, tc.code)
		}
	}
	if n := f.Room(0).Taken(); n != 0 {
		t.Errorf("%d frames counted as taken, none was", n)
	}
	f.SetInterface(mac, 99)
	f.SetFlags(Judge | Redirect)
	f.Room(0).Set(0, 0)
	if got, _ := eventOf(t, f, p); got != Undecided {
		t.Errorf("frame longer than the socket takes: %v, want undecided", got)
	}
}
