package nft

import (
	"encoding/binary"
	"net/netip"

	"rampart/model"
)

// parsePacket reads the start of an IP packet, as NFLOG delivers it: from the network header on and cut at the rule's
// snaplen. length is the packet's own length field. ok is false for what is not an IP packet.
func parsePacket(b []byte) (p model.Packet, length int, ok bool) {
	if len(b) == 0 {
		return p, 0, false
	}
	switch b[0] >> 4 {
	case 4:
		return parseIPv4(b)
	case 6:
		return parseIPv6(b)
	}
	return p, 0, false
}

// parseIPv4 follows RFC 791, 3.1.
func parseIPv4(b []byte) (p model.Packet, length int, ok bool) {
	if len(b) < 20 {
		return p, 0, false
	}
	header := int(b[0]&0xf) * 4
	if header < 20 {
		return p, 0, false
	}
	length = int(binary.BigEndian.Uint16(b[2:]))
	p.Fragment = binary.BigEndian.Uint16(b[6:])&0x1fff != 0
	p.Protocol = b[9]
	p.Src, p.Dst = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	if len(b) > header {
		parseTransport(&p, b[header:])
	}
	return p, length, true
}

// parseIPv6 follows RFC 8200, 3 and 4, past the extension headers that nf_tables passes too.
func parseIPv6(b []byte) (p model.Packet, length int, ok bool) {
	if len(b) < 40 {
		return p, 0, false
	}
	length = 40 + int(binary.BigEndian.Uint16(b[4:]))
	p.Src, p.Dst = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	next := b[6]
	for rest := b[40:]; ; {
		p.Protocol = next
		size := 0
		switch {
		case next == 0 || next == 43 || next == 60: // hop-by-hop options, routing, destination options
			if len(rest) > 1 {
				size = 8 + int(rest[1])*8
			}
		case next == 44: // fragment
			size = 8
			if len(rest) >= 8 {
				p.Fragment = binary.BigEndian.Uint16(rest[2:])&^7 != 0
			}
		case next == 51: // authentication (RFC 4302, 2.2: in units of four octets, minus two)
			if len(rest) > 1 {
				size = 8 + int(rest[1])*4
			}
		default:
			parseTransport(&p, rest)
			return p, length, true
		}
		if size == 0 || len(rest) < size || p.Fragment {
			if len(rest) > 0 && p.Fragment {
				p.Protocol = rest[0]
			}
			return p, length, true
		}
		next, rest = rest[0], rest[size:]
	}
}

func parseTransport(p *model.Packet, b []byte) {
	switch {
	case p.Fragment:
	case p.Protocol == model.ProtoICMP || p.Protocol == model.ProtoICMPv6:
		if len(b) >= 2 {
			p.ICMPType, p.ICMPCode = b[0], b[1]
		}
	case model.HasPorts(p.Protocol) || p.Protocol == model.ProtoUDPLite:
		if len(b) >= 4 {
			p.SrcPort, p.DstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		}
	}
}
