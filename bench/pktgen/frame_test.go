package pktgen

import (
	"net"
	"net/netip"
	"testing"

	"rampart/model"
)

var (
	macA = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	macB = net.HardwareAddr{2, 0, 0, 0, 0, 2}
)

func packet(src, dst string, proto uint8) model.Packet {
	return model.Packet{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Protocol: proto, SrcPort: 40000, DstPort: 443, ICMPType: 8}
}

// A receiver adds up everything a checksum covers, the checksum included, and gets all ones (RFC 1071).
func TestChecksums(t *testing.T) {
	for _, p := range []model.Packet{
		packet("192.0.2.1", "198.51.100.7", model.ProtoTCP),
		packet("192.0.2.1", "198.51.100.7", model.ProtoUDP),
		packet("192.0.2.1", "198.51.100.7", model.ProtoICMP),
		packet("2001:db8::1", "2001:db8::2", model.ProtoTCP),
		packet("2001:db8::1", "2001:db8::2", model.ProtoUDP),
		packet("2001:db8::1", "2001:db8::2", model.ProtoICMPv6),
	} {
		for _, size := range []int{0, 61, 128, 1514} {
			f := Flow{SrcMAC: macA, DstMAC: macB, Packet: p}
			b, err := f.Frame(size)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) < size || len(b) < 60 {
				t.Errorf("%v: %d bytes for a size of %d", p, len(b), size)
			}
			network := 40
			if p.Src.Is4() {
				network = 20
				if got := fold(sum(b[14:34], 0)); got != 0xffff {
					t.Errorf("%v: IPv4 header sums to %#x", p, got)
				}
			}
			payload := b[14+network:]
			acc := uint32(0)
			if p.Protocol != model.ProtoICMP {
				acc = sum(p.Dst.AsSlice(), sum(p.Src.AsSlice(), uint32(p.Protocol)+uint32(len(payload))))
			}
			if got := fold(sum(payload, acc)); got != 0xffff {
				t.Errorf("%v: payload of %d sums to %#x", p, len(payload), got)
			}
		}
	}
}

func TestFrameRefusesMixedFamilies(t *testing.T) {
	f := Flow{SrcMAC: macA, DstMAC: macB, Packet: packet("192.0.2.1", "2001:db8::1", model.ProtoTCP)}
	if _, err := f.Frame(0); err == nil {
		t.Error("a packet from IPv4 to IPv6 was built")
	}
}

// An INIT chunk is the only one of its packet (RFC 9260, 6.10): what is left of the frame must not look like another.
func TestInitChunkIsAlone(t *testing.T) {
	for _, size := range []int{0, 66, 67, 70, 80, 128} {
		f := Flow{SrcMAC: macA, DstMAC: macB, Packet: packet("192.0.2.1", "198.51.100.7", model.ProtoSCTP)}
		b, err := f.Frame(size)
		if err != nil {
			t.Fatal(err)
		}
		chunk := b[14+20+12:]
		length := int(chunk[2])<<8 | int(chunk[3])
		if left := len(chunk) - (length+3)/4*4; chunk[0] != 1 || left >= 4 {
			t.Errorf("size %d: chunk of type %d and length %d, %d octets behind it", size, chunk[0], length, left)
		}
	}
}
