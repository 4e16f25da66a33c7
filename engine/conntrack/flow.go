package conntrack

import (
	"encoding/binary"
	"errors"
	"iter"
	"net/netip"

	"github.com/vishvananda/netlink/nl"

	"rampart/model"
)

// tuple is a connection as seen from one end.
type tuple struct {
	src, dst           netip.Addr
	protocol           uint8
	sport, dport       uint16
	icmpType, icmpCode uint8
}

// flow is one entry of the kernel's connection table.
type flow struct {
	// orig is the first packet as it arrived, reply what answers look like: after NAT its source is the real destination.
	orig, reply tuple
	// master is the connection that announced this one, when one did.
	master   tuple
	mark     uint32
	tcpState uint8
	// name is what the kernel needs to find the connection again: the attributes with the original tuple and the zone.
	name []byte
	// family is the address family, AF_INET or AF_INET6.
	family uint8
}

// Attributes that package nl lacks, from uapi/linux/netfilter/nfnetlink_conntrack.h.
const (
	ctaTupleMaster   = 14
	ctaMarkMask      = 21
	ctaProtoICMPType = 5
	ctaProtoICMPCode = 6
	ctaICMPv6Type    = 8
	ctaICMPv6Code    = 9
)

var errMessage = errors.New("malformed message from the kernel")

// parseFlow reads a message of the connection table, without its netlink header.
func parseFlow(message []byte) (f flow, err error) {
	const nfgenmsg = 4 // family, version, resource id
	if len(message) < nfgenmsg {
		return f, errMessage
	}
	f.family = message[0]
	ok := true
	for a := range attributes(message[nfgenmsg:], &ok) {
		switch a.kind {
		case nl.CTA_TUPLE_ORIG:
			f.orig = parseTuple(a.value, &ok)
			f.name = append(f.name, a.whole...)
		case nl.CTA_ZONE:
			f.name = append(f.name, a.whole...)
		case nl.CTA_TUPLE_REPLY:
			f.reply = parseTuple(a.value, &ok)
		case ctaTupleMaster:
			f.master = parseTuple(a.value, &ok)
		case nl.CTA_MARK:
			f.mark = uint32(a.number(4, &ok))
		case nl.CTA_PROTOINFO:
			for info := range attributes(a.value, &ok) {
				if info.kind != nl.CTA_PROTOINFO_TCP {
					continue
				}
				for t := range attributes(info.value, &ok) {
					if t.kind == nl.CTA_PROTOINFO_TCP_STATE {
						f.tcpState = uint8(t.number(1, &ok))
					}
				}
			}
		}
	}
	if !ok || !f.orig.valid() || !f.reply.valid() {
		return flow{}, errMessage
	}
	return f, nil
}

func parseTuple(b []byte, ok *bool) (t tuple) {
	for a := range attributes(b, ok) {
		switch a.kind {
		case nl.CTA_TUPLE_IP:
			for ip := range attributes(a.value, ok) {
				addr, fits := netip.AddrFromSlice(ip.value)
				switch ip.kind {
				case nl.CTA_IP_V4_SRC, nl.CTA_IP_V6_SRC:
					t.src = addr
				case nl.CTA_IP_V4_DST, nl.CTA_IP_V6_DST:
					t.dst = addr
				}
				*ok = *ok && fits
			}
		case nl.CTA_TUPLE_PROTO:
			for p := range attributes(a.value, ok) {
				switch p.kind {
				case nl.CTA_PROTO_NUM:
					t.protocol = uint8(p.number(1, ok))
				case nl.CTA_PROTO_SRC_PORT:
					t.sport = uint16(p.number(2, ok))
				case nl.CTA_PROTO_DST_PORT:
					t.dport = uint16(p.number(2, ok))
				case ctaProtoICMPType, ctaICMPv6Type:
					t.icmpType = uint8(p.number(1, ok))
				case ctaProtoICMPCode, ctaICMPv6Code:
					t.icmpCode = uint8(p.number(1, ok))
				}
			}
		}
	}
	return t
}

func (t tuple) valid() bool { return t.src.IsValid() && t.dst.IsValid() }

// original is the first packet as layers before destination NAT see it.
func (f *flow) original() model.Packet {
	t := f.orig
	p := model.Packet{Src: t.src, Dst: t.dst, Protocol: t.protocol, ICMPType: t.icmpType, ICMPCode: t.icmpCode}
	if model.HasPorts(t.protocol) {
		p.SrcPort, p.DstPort = t.sport, t.dport
	}
	return p
}

// routed is the first packet as the other layers see it: its destination is the real one. Its source is still its own,
// because source NAT comes last.
func (f *flow) routed() model.Packet {
	p := f.original()
	p.Dst = f.reply.src
	if model.HasPorts(p.Protocol) {
		p.DstPort = f.reply.sport
	}
	return p
}

// closed tells that no data will pass any more.
func (f *flow) closed() bool {
	return f.orig.protocol == model.ProtoTCP && (f.tcpState == nl.TCP_CONNTRACK_TIME_WAIT || f.tcpState == nl.TCP_CONNTRACK_CLOSE)
}

// attribute is one netlink attribute (uapi/linux/netlink.h, struct nlattr).
type attribute struct {
	kind         uint16
	value, whole []byte
}

// number reads a value of the given size, big-endian.
func (a attribute) number(size int, ok *bool) uint64 {
	if len(a.value) != size {
		*ok = false
		return 0
	}
	var b [8]byte
	copy(b[8-size:], a.value)
	return binary.BigEndian.Uint64(b[:])
}

// attributes walks a list of netlink attributes. It sets ok to false when the list is malformed.
func attributes(b []byte, ok *bool) iter.Seq[attribute] {
	const header, kindMask = 4, 0x3fff // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
	return func(yield func(attribute) bool) {
		for len(b) >= header {
			size := int(binary.NativeEndian.Uint16(b))
			if size < header || size > len(b) {
				break
			}
			padded := min((size+3)&^3, len(b))
			if !yield(attribute{binary.NativeEndian.Uint16(b[2:]) & kindMask, b[header:size], b[:padded]}) {
				return
			}
			b = b[padded:]
		}
		if len(b) > 0 {
			*ok = false
		}
	}
}
