package lab

import (
	"encoding/binary"
	"net/netip"

	"rampart/model"
)

// Parse reads an IP packet as policy sees it. It reports false for what is too short or no IP. IPv6 extension headers
// other than the fragment header are skipped; of a non-first fragment only addresses and protocol are known.
func Parse(b []byte) (model.Packet, bool) {
	if len(b) < 1 {
		return model.Packet{}, false
	}
	switch b[0] >> 4 {
	case 4:
		return parse4(b)
	case 6:
		return parse6(b)
	}
	return model.Packet{}, false
}

func parse4(b []byte) (p model.Packet, ok bool) {
	if len(b) < 20 {
		return p, false
	}
	header := int(b[0]&15) * 4
	if header < 20 || len(b) < header {
		return p, false
	}
	p.Src, p.Dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	p.Protocol = b[9]
	p.Fragment = binary.BigEndian.Uint16(b[6:])&0x1fff != 0
	return p, parseTransport(&p, b[header:])
}

func parse6(b []byte) (p model.Packet, ok bool) {
	if len(b) < 40 {
		return p, false
	}
	p.Src, p.Dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	next := b[6]
	for b = b[40:]; ; {
		switch next {
		case 0, 43, 60: // hop-by-hop, routing, destination options (RFC 8200)
			if len(b) < 8 || len(b) < 8+int(b[1])*8 {
				return p, false
			}
			next, b = b[0], b[8+int(b[1])*8:]
		case nextFragment:
			if len(b) < 8 {
				return p, false
			}
			p.Fragment = p.Fragment || binary.BigEndian.Uint16(b[2:])>>3 != 0
			next, b = b[0], b[8:]
			if p.Fragment {
				p.Protocol = next
				return p, true
			}
		default:
			p.Protocol = next
			return p, parseTransport(&p, b)
		}
	}
}

func parseTransport(p *model.Packet, b []byte) bool {
	if p.Fragment {
		return true
	}
	switch p.Protocol {
	case model.ProtoTCP, model.ProtoUDP, model.ProtoSCTP, model.ProtoUDPLite:
		if len(b) < 4 {
			return false
		}
		p.SrcPort, p.DstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	case model.ProtoICMP, model.ProtoICMPv6:
		if len(b) < 2 {
			return false
		}
		p.ICMPType, p.ICMPCode = b[0], b[1]
	}
	return true
}
