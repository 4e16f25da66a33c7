package xdp

import (
	"encoding/binary"
	"hash/crc32"

	"rampart/model"
	"rampart/xdp/classify"
)

// packet is what a worker knows of a frame.
type packet struct {
	// version is 4 or 6; 0 is a frame that is not to be judged.
	version uint8
	k4      classify.Key4
	k6      classify.Key6
	// l3 and l4 are where the headers begin in the frame, end where the IP packet ends.
	l3, l4, end int
}

// parse reads a frame as fastpath.c does, of which it must never judge more. What that lets through is whole, but a frame
// is memory that the kernel wrote, so every index is checked again.
func parse(b []byte, p *packet) {
	p.version = 0
	if len(b) < 14 {
		return
	}
	at, proto := 14, binary.BigEndian.Uint16(b[12:])
	if proto == 0x8100 {
		if len(b) < 18 || binary.BigEndian.Uint16(b[14:])&0x0fff != 0 {
			return
		}
		at, proto = 18, binary.BigEndian.Uint16(b[16:])
	}
	p.l3 = at
	switch proto {
	case 0x0800:
		parse4(b, p)
	case 0x86dd:
		parse6(b, p)
	}
}

func parse4(b []byte, p *packet) {
	h := b[p.l3:]
	if len(h) < 20 || h[0] != 0x45 || binary.BigEndian.Uint16(h[6:])&0x3fff != 0 {
		return
	}
	total := int(binary.BigEndian.Uint16(h[2:]))
	if total < 20 || total > len(h) {
		return
	}
	p.l4, p.end = p.l3+20, p.l3+total
	sport, dport, ok := ports(b[p.l4:p.end], h[9], model.ProtoICMP, 8)
	if !ok {
		return
	}
	p.k4 = classify.Key4{Src: binary.BigEndian.Uint32(h[12:]), Dst: binary.BigEndian.Uint32(h[16:]), SrcPort: sport, DstPort: dport, Protocol: h[9]}
	p.version = 4
}

func parse6(b []byte, p *packet) {
	h := b[p.l3:]
	if len(h) < 40 || h[0]>>4 != 6 {
		return
	}
	size := int(binary.BigEndian.Uint16(h[4:]))
	if size > len(h)-40 {
		return
	}
	p.l4, p.end = p.l3+40, p.l3+40+size
	proto := h[6]
	for i := 0; i < 3 && (proto == 0 || proto == 60); i++ {
		left := b[p.l4:p.end]
		if len(left) < 2 || 8+8*int(left[1]) > len(left) {
			return
		}
		proto = left[0]
		p.l4 += 8 + 8*int(left[1])
	}
	sport, dport, ok := ports(b[p.l4:p.end], proto, model.ProtoICMPv6, 128)
	if !ok {
		return
	}
	p.k6 = classify.Key6{Src: [16]byte(h[8:24]), Dst: [16]byte(h[24:40]), SrcPort: sport, DstPort: dport, Protocol: proto}
	p.version = 6
}

// ports reads ports, or type and code of an echo request.
func ports(l4 []byte, proto, icmp, echo uint8) (sport, dport uint16, ok bool) {
	switch {
	case proto == model.ProtoTCP && len(l4) >= 20, proto == model.ProtoUDP && len(l4) >= 8, proto == model.ProtoSCTP && len(l4) >= 12:
		return binary.BigEndian.Uint16(l4), binary.BigEndian.Uint16(l4[2:]), true
	case proto == icmp && len(l4) >= 8 && l4[0] == echo:
		return uint16(l4[0]), uint16(l4[1]), true
	}
	return 0, 0, false
}

// complete writes the checksum of a packet that has left a local sender without one, in the belief that the receiver is
// local too: it then holds the sum over the pseudo header only (RFC 768, 9293; Linux CHECKSUM_PARTIAL), or nothing for
// SCTP. The stack forgets about that when a packet is redirected to a socket. A right or a wrong checksum is left alone.
func complete(b []byte, p *packet) {
	var proto uint8
	var addrs []byte
	switch p.version {
	case 4:
		proto, addrs = p.k4.Protocol, b[p.l3+12:p.l3+20]
	case 6:
		proto, addrs = p.k6.Protocol, b[p.l3+8:p.l3+40]
	default:
		return
	}
	l4 := b[p.l4:p.end]
	var at int
	switch proto {
	case model.ProtoTCP:
		at = 16
	case model.ProtoUDP:
		at = 6
	case model.ProtoSCTP:
		if binary.LittleEndian.Uint32(l4[8:]) == 0 {
			binary.LittleEndian.PutUint32(l4[8:], crc32.Checksum(l4, castagnoli))
		}
		return
	default:
		return
	}
	pseudo := fold(sum(addrs) + uint32(proto) + uint32(len(l4)))
	if field := binary.BigEndian.Uint16(l4[at:]); field != pseudo || fold(uint32(pseudo)+sum(l4)) == 0xffff {
		return
	}
	binary.BigEndian.PutUint16(l4[at:], 0)
	c := ^fold(uint32(pseudo) + sum(l4))
	if c == 0 {
		c = 0xffff
	}
	binary.BigEndian.PutUint16(l4[at:], c)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum adds big-endian words (RFC 1071). Packets are short enough not to overflow it.
func sum(b []byte) (acc uint32) {
	for ; len(b) > 1; b = b[2:] {
		acc += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		acc += uint32(b[0]) << 8
	}
	return acc
}

func fold(acc uint32) uint16 {
	for acc > 0xffff {
		acc = acc>>16 + acc&0xffff
	}
	return uint16(acc)
}
