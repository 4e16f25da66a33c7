package lab

import (
	"encoding/binary"
	"net/netip"

	"rampart/model"
)

// TCP flags (RFC 9293, section 3.1).
const (
	FIN uint8 = 1 << iota
	SYN
	RST
	PSH
	ACK
)

// Extension header and option numbers the crafted packets use.
const (
	nextFragment     = 44     // IPv6 fragment header (RFC 8200, section 4.5)
	sctpInit         = 1      // INIT chunk (RFC 9260, section 3.3.2)
	sctpPadParameter = 0x8005 // padding parameter (RFC 4820)
	moreFragments    = 0x2000 // IPv4 flag (RFC 791)
)

// Craft is a packet to be made byte by byte, with correct checksums: the first packet of a connection, unless Flags
// say otherwise. Protocols that have none of the fields ignore them.
type Craft struct {
	model.Packet
	// TTL or hop limit; 0 is 64.
	TTL uint8
	// Flags of a TCP segment; 0 is SYN.
	Flags uint8
	// ID is the IP identification, the ICMP echo identifier, the TCP sequence number and the SCTP initiate tag.
	ID uint32
	// Payload follows the transport header; in an SCTP INIT it is carried in a padding parameter.
	Payload []byte
}

// Bytes is the IP packet.
func (c Craft) Bytes() []byte { return c.wrap(c.transport(), c.Protocol, 0, false) }

// Fragments is the same packet cut into n fragments. The first holds the whole transport header and the payload's
// first 16 bytes, so the payload is padded as needed.
func (c Craft) Fragments(n int) [][]byte {
	const first, rest = 56, 8
	if n < 2 {
		return [][]byte{c.Bytes()}
	}
	for len(c.transport()) < first+rest*(n-1) {
		c.Payload = append(c.Payload[:len(c.Payload):len(c.Payload)], 0, 0, 0, 0)
	}
	whole := c.transport()
	out := make([][]byte, 0, n)
	for at := 0; len(out) < n; {
		end := first + rest*len(out)
		if len(out) == n-1 {
			end = len(whole)
		}
		out = append(out, c.wrap(whole[at:end], c.Protocol, at, end < len(whole)))
		at = end
	}
	return out
}

// wrap puts an IP header before body, which starts at the given offset of the whole and is followed by more or not.
func (c Craft) wrap(body []byte, proto uint8, offset int, more bool) []byte {
	ttl := c.TTL
	if ttl == 0 {
		ttl = 64
	}
	if c.Src.Is4() {
		h := make([]byte, 20, 20+len(body))
		h[0] = 4<<4 | 5
		binary.BigEndian.PutUint16(h[2:], uint16(20+len(body)))
		binary.BigEndian.PutUint16(h[4:], uint16(c.ID))
		frag := uint16(offset / 8)
		if more {
			frag |= moreFragments
		}
		binary.BigEndian.PutUint16(h[6:], frag)
		h[8], h[9] = ttl, proto
		src, dst := c.Src.As4(), c.Dst.As4()
		copy(h[12:], src[:])
		copy(h[16:], dst[:])
		binary.BigEndian.PutUint16(h[10:], checksum(0, h))
		return append(h, body...)
	}
	if more || offset > 0 {
		f := make([]byte, 8, 8+len(body))
		f[0] = proto
		frag := uint16(offset)
		if more {
			frag |= 1
		}
		binary.BigEndian.PutUint16(f[2:], frag)
		binary.BigEndian.PutUint32(f[4:], c.ID)
		body, proto = append(f, body...), nextFragment
	}
	h := make([]byte, 40, 40+len(body))
	h[0] = 6 << 4
	binary.BigEndian.PutUint16(h[4:], uint16(len(body)))
	h[6], h[7] = proto, ttl
	src, dst := c.Src.As16(), c.Dst.As16()
	copy(h[8:], src[:])
	copy(h[24:], dst[:])
	return append(h, body...)
}

// transport is the transport header and the payload.
func (c Craft) transport() []byte {
	switch c.Protocol {
	case model.ProtoTCP:
		return c.tcp()
	case model.ProtoUDP, model.ProtoUDPLite:
		return c.udp()
	case model.ProtoSCTP:
		return c.sctp()
	case model.ProtoICMP, model.ProtoICMPv6:
		return c.icmp()
	}
	return append([]byte(nil), c.Payload...)
}

func (c Craft) tcp() []byte {
	b := make([]byte, 20, 20+len(c.Payload))
	c.ports(b)
	binary.BigEndian.PutUint32(b[4:], c.ID)
	flags := c.Flags
	if flags == 0 {
		flags = SYN
	}
	b[12], b[13] = 5<<4, flags
	binary.BigEndian.PutUint16(b[14:], 65535)
	b = append(b, c.Payload...)
	binary.BigEndian.PutUint16(b[16:], checksum(c.pseudo(len(b)), b))
	return b
}

// udp makes UDP and UDP-Lite, which has a coverage where UDP has its length; 0 covers everything (RFC 3828).
func (c Craft) udp() []byte {
	b := make([]byte, 8, 8+len(c.Payload))
	c.ports(b)
	if c.Protocol == model.ProtoUDP {
		binary.BigEndian.PutUint16(b[4:], uint16(8+len(c.Payload)))
	}
	b = append(b, c.Payload...)
	sum := checksum(c.pseudo(len(b)), b)
	if sum == 0 {
		sum = 0xffff // 0 would mean "none" (RFC 768)
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	return b
}

func (c Craft) sctp() []byte {
	pad := (4 - len(c.Payload)%4) % 4
	chunk := make([]byte, 20, 24+len(c.Payload)+pad)
	chunk[0] = sctpInit
	tag := c.ID
	if tag == 0 {
		tag = 1 // an initiate tag of 0 is an error
	}
	binary.BigEndian.PutUint32(chunk[4:], tag)
	binary.BigEndian.PutUint32(chunk[8:], 65536) // receiver window
	binary.BigEndian.PutUint16(chunk[12:], 1)    // streams out and in
	binary.BigEndian.PutUint16(chunk[14:], 1)
	if len(c.Payload) > 0 {
		chunk = binary.BigEndian.AppendUint16(chunk, sctpPadParameter)
		chunk = binary.BigEndian.AppendUint16(chunk, uint16(4+len(c.Payload)))
		chunk = append(chunk, c.Payload...)
	}
	binary.BigEndian.PutUint16(chunk[2:], uint16(len(chunk)))
	b := make([]byte, 12, 12+len(chunk)+pad)
	c.ports(b)
	b = append(b, chunk...)
	b = append(b, make([]byte, pad)...)
	binary.LittleEndian.PutUint32(b[8:], crc32c(b))
	return b
}

func (c Craft) icmp() []byte {
	b := make([]byte, 8, 8+len(c.Payload))
	b[0], b[1] = c.ICMPType, c.ICMPCode
	binary.BigEndian.PutUint16(b[4:], uint16(c.ID))
	b = append(b, c.Payload...)
	seed := uint32(0)
	if c.Protocol == model.ProtoICMPv6 {
		seed = c.pseudo(len(b))
	}
	binary.BigEndian.PutUint16(b[2:], checksum(seed, b))
	return b
}

func (c Craft) ports(b []byte) {
	binary.BigEndian.PutUint16(b, c.SrcPort)
	binary.BigEndian.PutUint16(b[2:], c.DstPort)
}

func (c Craft) pseudo(length int) uint32 { return pseudoHeader(c.Src, c.Dst, c.Protocol, length) }

// Ethernet puts a frame header before an IP packet.
func Ethernet(dst, src []byte, packet []byte) []byte {
	b := make([]byte, 0, 14+len(packet))
	b = append(append(b, dst...), src...)
	ethertype := uint16(0x0800)
	if len(packet) > 0 && packet[0]>>4 == 6 {
		ethertype = 0x86dd
	}
	return append(binary.BigEndian.AppendUint16(b, ethertype), packet...)
}

// pseudoHeader sums the addresses, the length and the protocol (RFC 9293, section 3.1; RFC 8200, section 8.1).
func pseudoHeader(src, dst netip.Addr, proto uint8, length int) uint32 {
	sum := sum16(0, src.AsSlice())
	sum = sum16(sum, dst.AsSlice())
	return sum + uint32(proto) + uint32(length)
}
