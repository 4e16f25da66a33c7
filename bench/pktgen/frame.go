package pktgen

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net"
	"net/netip"

	"rampart/model"
)

// headerMax bounds what the program writes into each frame: Ethernet, IPv6 and a TCP header fit.
const headerMax = 96

// Flow is one packet to send: layer 2 addresses and the five-tuple (or ICMP type and code).
type Flow struct {
	SrcMAC, DstMAC net.HardwareAddr
	Packet         model.Packet
	// TCPFlags is the flags byte of a TCP packet, 0 for SYN.
	TCPFlags uint8
	// Tag is a number that a Recorder knows the frame by; only frames of StampedMin bytes have room for it. With Tagged
	// unset there is none.
	Tag    uint64
	Tagged bool
	// NoChecksum leaves the checksum of a UDP packet out (RFC 768), for frames whose payload is stamped.
	NoChecksum bool
}

// Frame builds the flow's packet, size bytes long (without the frame check sequence), with valid checksums. A size too
// small for the headers is raised to fit.
func (f *Flow) Frame(size int) ([]byte, error) {
	p := &f.Packet
	if p.Src.Is4() != p.Dst.Is4() || !p.Src.IsValid() || !p.Dst.IsValid() {
		return nil, fmt.Errorf("addresses %v and %v are not of one family", p.Src, p.Dst)
	}
	l4 := f.layer4()
	network := 20
	if p.Src.Is6() {
		network = 40
	}
	size = max(size, 14+network+len(l4), 60)
	b := make([]byte, size)
	copy(b[0:6], f.DstMAC)
	copy(b[6:12], f.SrcMAC)
	payload := b[14+network:]
	copy(payload, l4)
	if p.Protocol == model.ProtoSCTP {
		padInit(payload[12:])
	}
	if p.Src.Is4() {
		binary.BigEndian.PutUint16(b[12:], 0x0800)
		header4(b[14:34], p, size-14)
	} else {
		binary.BigEndian.PutUint16(b[12:], 0x86dd)
		header6(b[14:54], p, len(payload))
	}
	if f.Tagged && size >= StampedMin {
		binary.LittleEndian.PutUint64(b[tagOffset:], f.Tag)
	}
	checksum4(p, payload)
	if f.NoChecksum && p.Protocol == model.ProtoUDP {
		binary.BigEndian.PutUint16(payload[6:], 0)
	}
	return b, nil
}

func header4(h []byte, p *model.Packet, total int) {
	h[0] = 0x45
	binary.BigEndian.PutUint16(h[2:], uint16(total))
	h[8], h[9] = 64, p.Protocol
	copy(h[12:], p.Src.AsSlice())
	copy(h[16:], p.Dst.AsSlice())
	binary.BigEndian.PutUint16(h[10:], ^fold(sum(h, 0)))
}

func header6(h []byte, p *model.Packet, payload int) {
	h[0] = 0x60
	binary.BigEndian.PutUint16(h[4:], uint16(payload))
	h[6], h[7] = p.Protocol, 64
	copy(h[8:], p.Src.AsSlice())
	copy(h[24:], p.Dst.AsSlice())
}

func (f *Flow) layer4() []byte {
	p := &f.Packet
	switch p.Protocol {
	case model.ProtoTCP:
		b := make([]byte, 20)
		binary.BigEndian.PutUint16(b[0:], p.SrcPort)
		binary.BigEndian.PutUint16(b[2:], p.DstPort)
		b[12], b[13] = 5<<4, f.TCPFlags
		if f.TCPFlags == 0 {
			b[13] = 0x02
		}
		binary.BigEndian.PutUint16(b[14:], 0xffff)
		return b
	case model.ProtoICMP, model.ProtoICMPv6:
		return []byte{p.ICMPType, p.ICMPCode, 0, 0, 0, 1, 0, 1}
	case model.ProtoSCTP:
		// A common header and an INIT chunk, as RFC 9260 3.3.2 has it.
		b := make([]byte, 12+20)
		binary.BigEndian.PutUint16(b[0:], p.SrcPort)
		binary.BigEndian.PutUint16(b[2:], p.DstPort)
		b[12], b[15], b[19] = 1, 20, 1
		return b
	}
	// UDP and everything else: ports first, as most protocols of the Internet have it.
	b := make([]byte, 8)
	binary.BigEndian.PutUint16(b[0:], p.SrcPort)
	binary.BigEndian.PutUint16(b[2:], p.DstPort)
	return b
}

// padInit makes an INIT chunk as long as the packet, by a padding parameter (RFC 4820): INIT must be the only chunk, and
// conntrack would take what follows it for another.
func padInit(chunk []byte) {
	const fixed = 20
	if rest := len(chunk) - fixed; rest >= 4 {
		binary.BigEndian.PutUint16(chunk[2:], uint16(len(chunk)))
		binary.BigEndian.PutUint16(chunk[fixed:], 0x8005)
		binary.BigEndian.PutUint16(chunk[fixed+2:], uint16(rest))
	}
}

// checksum4 fills in the transport checksum over payload, which runs to the end of the packet.
func checksum4(p *model.Packet, payload []byte) {
	at := 0
	switch p.Protocol {
	case model.ProtoTCP:
		at = 16
	case model.ProtoUDP, model.ProtoUDPLite:
		at = 6
		if p.Protocol == model.ProtoUDP {
			binary.BigEndian.PutUint16(payload[4:], uint16(len(payload)))
		}
	case model.ProtoICMP:
		binary.BigEndian.PutUint16(payload[2:], ^fold(sum(payload, 0)))
		return
	case model.ProtoICMPv6:
		at = 2
	case model.ProtoSCTP:
		// RFC 9260 6.8 and appendix A: CRC32c, its bytes in little-endian order.
		binary.LittleEndian.PutUint32(payload[8:], crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
		return
	default:
		return
	}
	pseudo := sum(p.Src.AsSlice(), uint32(p.Protocol)+uint32(len(payload)))
	pseudo = sum(p.Dst.AsSlice(), pseudo)
	c := ^fold(sum(payload, pseudo))
	if c == 0 {
		c = 0xffff
	}
	binary.BigEndian.PutUint16(payload[at:], c)
}

// sum adds big-endian 16-bit words to acc (RFC 1071); packets are short enough not to overflow it.
func sum(b []byte, acc uint32) uint32 {
	for ; len(b) > 1; b = b[2:] {
		acc += uint32(binary.BigEndian.Uint16(b))
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

// Addr4 is the IPv4 address with the given big-endian value.
func Addr4(v uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return netip.AddrFrom4(b)
}
