package lab

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rampart/model"
)

var cmpAddr = cmpopts.EquateComparable(netip.Addr{})

// samples are packets of every protocol in both families.
func samples() []model.Packet {
	var out []model.Packet
	for _, ends := range [][2]string{{"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}} {
		base := model.Packet{Src: netip.MustParseAddr(ends[0]), Dst: netip.MustParseAddr(ends[1])}
		for _, proto := range []uint8{model.ProtoTCP, model.ProtoUDP, model.ProtoSCTP, model.ProtoUDPLite, model.ProtoICMP, model.ProtoICMPv6, 253} {
			p := base
			p.Protocol = proto
			switch proto {
			case model.ProtoICMP, model.ProtoICMPv6:
				p.ICMPType, p.ICMPCode = 8, 3
			case 253:
			default:
				p.SrcPort, p.DstPort = 40000, 6379
			}
			out = append(out, p)
		}
	}
	return out
}

// A crafted packet parses to what it was made from, and its checksums hold.
func TestCraftParses(t *testing.T) {
	for _, want := range samples() {
		t.Run(fmt.Sprintf("v%d/%s", want.IPVersion(), model.ProtocolLabel(want.Protocol)), func(t *testing.T) {
			c := Craft{Packet: want, ID: 77, Payload: []byte("odd")}
			b := c.Bytes()
			got, ok := Parse(b)
			if !ok {
				t.Fatalf("not parsed: %x", b)
			}
			if d := cmp.Diff(want, got, cmpAddr); d != "" {
				t.Error(d)
			}
			header := 20
			if want.IPVersion() == 6 {
				header = 40
			} else if checksum(0, b[:20]) != 0 {
				t.Error("wrong IPv4 header checksum")
			}
			l4 := b[header:]
			switch want.Protocol {
			case model.ProtoTCP, model.ProtoUDP, model.ProtoUDPLite, model.ProtoICMPv6:
				if checksum(pseudoHeader(want.Src, want.Dst, want.Protocol, len(l4)), l4) != 0 {
					t.Error("wrong checksum")
				}
			case model.ProtoICMP:
				if checksum(0, l4) != 0 {
					t.Error("wrong checksum")
				}
			case model.ProtoSCTP:
				sum := binary.LittleEndian.Uint32(l4[8:])
				zeroed := append([]byte(nil), l4...)
				clear(zeroed[8:12])
				if len(l4)%4 != 0 || crc32c(zeroed) != sum {
					t.Error("wrong checksum")
				}
			}
		})
	}
}

// Fragments carry the same bytes as the whole packet would, and only the first shows ports.
func TestFragments(t *testing.T) {
	for _, packet := range samples() {
		for n := 1; n <= 4; n++ {
			c := Craft{Packet: packet, ID: 78, Payload: bytes.Repeat([]byte{'x'}, 16)}
			parts := c.Fragments(n)
			if len(parts) != n {
				t.Fatalf("%d fragments, want %d", len(parts), n)
			}
			for i, part := range parts {
				got, ok := Parse(part)
				if !ok {
					t.Fatalf("fragment %d not parsed", i)
				}
				if got.Fragment != (i > 0) || got.Protocol != packet.Protocol || got.Src != packet.Src {
					t.Errorf("fragment %d of %d parses as %+v", i, n, got)
				}
				if i == 0 && (got.DstPort != packet.DstPort || !bytes.Contains(part, c.Payload)) {
					t.Errorf("the first fragment lacks the header or the marker: %x", part)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, p := range samples() {
		f.Add(Craft{Packet: p, Payload: []byte("payload")}.Bytes())
		f.Add(Craft{Packet: p}.Fragments(3)[1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := Parse(b)
		if ok && (!p.Src.IsValid() || p.Src.Is4() != p.Dst.Is4()) {
			t.Errorf("parsed %x as %+v", b, p)
		}
	})
}
