package nft

import (
	"net/netip"
	"testing"

	"rampart/model"
)

func hex(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

var (
	v4src, v4dst = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	v6src, v6dst = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
)

// ipv4 is a header with the given protocol, fragment field and options.
func ipv4(protocol uint8, frag uint16, options ...byte) []byte {
	return hex([]byte{0x45 + byte(len(options)/4), 0, 0, 60, 0, 0, byte(frag >> 8), byte(frag), 64, protocol, 0, 0},
		v4src.AsSlice(), v4dst.AsSlice(), options)
}

func ipv6(next uint8) []byte {
	return hex([]byte{0x60, 0, 0, 0, 0, 20, next, 64}, v6src.AsSlice(), v6dst.AsSlice())
}

func TestParsePacket(t *testing.T) {
	ports := []byte{0x9c, 0x40, 0, 22, 0, 0, 0, 0}
	tcp4 := model.Packet{Src: v4src, Dst: v4dst, Protocol: 6, SrcPort: 40000, DstPort: 22}
	tcp6 := model.Packet{Src: v6src, Dst: v6dst, Protocol: 6, SrcPort: 40000, DstPort: 22}
	for _, c := range []struct {
		name string
		in   []byte
		want model.Packet
		size int
	}{
		{"tcp", hex(ipv4(6, 0), ports), tcp4, 60},
		{"tcp, do not fragment", hex(ipv4(6, 0x4000), ports), tcp4, 60},
		{"tcp, first fragment", hex(ipv4(6, 0x2000), ports), tcp4, 60},
		{"tcp with options", hex(ipv4(6, 0, 1, 1, 1, 1), ports), tcp4, 60},
		{"later fragment", hex(ipv4(6, 0x0010), ports), model.Packet{Src: v4src, Dst: v4dst, Protocol: 6, Fragment: true}, 60},
		{"cut before the ports", ipv4(17, 0), model.Packet{Src: v4src, Dst: v4dst, Protocol: 17}, 60},
		{"echo", hex(ipv4(1, 0), []byte{8, 0}), model.Packet{Src: v4src, Dst: v4dst, Protocol: 1, ICMPType: 8}, 60},
		{"tcp6", hex(ipv6(6), ports), tcp6, 60},
		{"hop-by-hop and destination options", hex(ipv6(0), []byte{60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0}, ports), tcp6, 60},
		{"first fragment6", hex(ipv6(44), []byte{6, 0, 0, 1, 0, 0, 0, 9}, ports), tcp6, 60},
		{"later fragment6", hex(ipv6(44), []byte{6, 0, 0, 9, 0, 0, 0, 9}, ports), model.Packet{Src: v6src, Dst: v6dst, Protocol: 6, Fragment: true}, 60},
		{"icmp6", hex(ipv6(58), []byte{135, 0}), model.Packet{Src: v6src, Dst: v6dst, Protocol: 58, ICMPType: 135}, 60},
		{"cut extension header", hex(ipv6(0), []byte{6}), model.Packet{Src: v6src, Dst: v6dst}, 60},
	} {
		got, size, ok := parsePacket(c.in)
		if !ok || got != c.want || size != c.size {
			t.Errorf("%s: %+v, %d octets, %v", c.name, got, size, ok)
		}
	}
	for _, in := range [][]byte{nil, {}, {0x45}, {0x60}, {0x20, 1, 2}, ipv4(6, 0)[:19], ipv6(6)[:39], hex([]byte{0x44}, ipv4(6, 0)[1:])} {
		if _, _, ok := parsePacket(in); ok {
			t.Errorf("%x is no packet", in)
		}
	}
}

func FuzzParsePacket(f *testing.F) {
	f.Add(hex(ipv4(6, 0), []byte{0, 1, 0, 2}))
	f.Add(hex(ipv6(0), []byte{44, 0, 1, 4, 0, 0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 9, 0, 1, 0, 2}))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, _, ok := parsePacket(b)
		if ok && p.Src.Is4() != p.Dst.Is4() {
			t.Errorf("two families: %+v", p)
		}
		if p.Fragment && (p.SrcPort != 0 || p.DstPort != 0 || p.ICMPType != 0) {
			t.Errorf("a fragment with ports: %+v", p)
		}
	})
}

func FuzzParseRule(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 12, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 9})
	f.Add([]byte{1, 0, 0, 0, 10, 0, 7, 0, 0, 3, 'a', 'b', 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = parseRule(b)
	})
}
