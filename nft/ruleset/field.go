package ruleset

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"rampart/model"
)

// Field is something of a packet that can be loaded into a register, compared and looked up.
type Field uint8

// The fields. An address or ICMP field must come after a match on NFProto, and a port or ICMP field after one on L4Proto
// or beside L4Proto in a concatenation: the kernel loads whatever octets are there.
const (
	NoField    Field = iota
	NFProto          // meta nfproto: 2 for IPv4, 10 for IPv6
	L4Proto          // meta l4proto: the protocol after IPv6 extension headers
	IIFName          // meta iifname; does not load where the packet has no input interface
	OIFName          // meta oifname
	Mark             // meta mark
	SrcV4            // ip saddr
	DstV4            // ip daddr
	SrcV6            // ip6 saddr
	DstV6            // ip6 daddr
	SrcPort          // th sport; does not load from a fragment
	DstPort          // th dport
	ICMPType         // icmp type
	ICMPCode         // icmp code
	ICMPv6Type       // icmpv6 type
	ICMPv6Code       // icmpv6 code
	HopLimit         // ip6 hoplimit
	CTState          // ct state, as a bit mask
	CTStatus         // ct status, as a bit mask
	CTMark           // ct mark, the mark of the connection
	SrcType          // fib saddr type
	TCPFlags         // tcp flags, as a bit mask
	// The first two octets of the transport header, where a protocol nft does not expect has its ICMP type and code.
	TransportOctet0
	TransportOctet1
	numFields
)

// IFNameLen is IFNAMSIZ.
const IFNameLen = unix.IFNAMSIZ

type fieldInfo struct {
	text     string
	datatype nftables.SetDatatype
	load     func(register uint32) expr.Any
	host     bool // stored in host byte order
}

var fields = [numFields]fieldInfo{
	NFProto:    {"meta nfproto", nftables.TypeNFProto, meta(expr.MetaKeyNFPROTO), false},
	L4Proto:    {"meta l4proto", nftables.TypeInetProto, meta(expr.MetaKeyL4PROTO), false},
	IIFName:    {"iifname", nftables.TypeIFName, meta(expr.MetaKeyIIFNAME), true},
	OIFName:    {"oifname", nftables.TypeIFName, meta(expr.MetaKeyOIFNAME), true},
	Mark:       {"meta mark", nftables.TypeMark, meta(expr.MetaKeyMARK), true},
	SrcV4:      {"ip saddr", nftables.TypeIPAddr, network(12, 4), false},
	DstV4:      {"ip daddr", nftables.TypeIPAddr, network(16, 4), false},
	SrcV6:      {"ip6 saddr", nftables.TypeIP6Addr, network(8, 16), false},
	DstV6:      {"ip6 daddr", nftables.TypeIP6Addr, network(24, 16), false},
	SrcPort:    {"th sport", nftables.TypeInetService, transport(0, 2), false},
	DstPort:    {"th dport", nftables.TypeInetService, transport(2, 2), false},
	ICMPType:   {"icmp type", nftables.TypeICMPType, transport(0, 1), false},
	ICMPCode:   {"icmp code", nftables.TypeICMPCode, transport(1, 1), false},
	ICMPv6Type: {"icmpv6 type", nftables.TypeICMP6Type, transport(0, 1), false},
	ICMPv6Code: {"icmpv6 code", nftables.TypeICMPV6Code, transport(1, 1), false},
	HopLimit:   {"ip6 hoplimit", nftables.TypeInteger, network(7, 1), false},
	CTState:    {"ct state", nftables.TypeCTState, ct(expr.CtKeySTATE), true},
	CTStatus:   {"ct status", nftables.TypeCTStatus, ct(expr.CtKeySTATUS), true},
	CTMark:     {"ct mark", nftables.TypeMark, ct(expr.CtKeyMARK), true},
	SrcType: {"fib saddr type", nftables.TypeFIBAddr, func(r uint32) expr.Any {
		return &expr.Fib{Register: r, FlagSADDR: true, ResultADDRTYPE: true}
	}, true},
	TCPFlags:        {"tcp flags", nftables.TypeTCPFlag, transport(13, 1), false},
	TransportOctet0: {"@th,0,8", nftables.TypeInteger, transport(0, 1), false},
	TransportOctet1: {"@th,8,8", nftables.TypeInteger, transport(1, 1), false},
}

func meta(key expr.MetaKey) func(uint32) expr.Any {
	return func(r uint32) expr.Any { return &expr.Meta{Key: key, Register: r} }
}

func ct(key expr.CtKey) func(uint32) expr.Any {
	return func(r uint32) expr.Any { return &expr.Ct{Key: key, Register: r} }
}

func network(offset, length uint32) func(uint32) expr.Any {
	return payload(expr.PayloadBaseNetworkHeader, offset, length)
}

func transport(offset, length uint32) func(uint32) expr.Any {
	return payload(expr.PayloadBaseTransportHeader, offset, length)
}

func payload(base expr.PayloadBase, offset, length uint32) func(uint32) expr.Any {
	return func(r uint32) expr.Any {
		return &expr.Payload{DestRegister: r, Base: base, Offset: offset, Len: length}
	}
}

// Len is the field's length in octets.
func (f Field) Len() int {
	if f == HopLimit || f == TransportOctet0 || f == TransportOctet1 {
		return 1
	}
	return int(fields[f].datatype.Bytes)
}

// Padded is the room the field takes in a concatenated key.
func (f Field) Padded() int { return (f.Len() + 3) &^ 3 }

// String is nft's name for the field when nothing is known of the packet.
func (f Field) String() string { return fields[f].text }

// in is nft's name for the field in a rule: ports are named after the protocol.
func (f Field) in(c Context) string {
	if f.ports() {
		return strings.Replace(f.String(), "th", portWord(c.Protocol), 1)
	}
	return f.String()
}

func (f Field) ports() bool { return f == SrcPort || f == DstPort }

// icmpOf is the protocol an ICMP field belongs to, 0 for other fields.
func (f Field) icmpOf() uint8 {
	switch f {
	case ICMPType, ICMPCode:
		return model.ProtoICMP
	case ICMPv6Type, ICMPv6Code:
		return model.ProtoICMPv6
	}
	return 0
}

// portWord is the header nft reads ports of the protocol from.
func portWord(protocol uint8) string {
	switch protocol {
	case model.ProtoTCP, model.ProtoUDP, model.ProtoSCTP, model.ProtoUDPLite:
		return model.ProtocolLabel(protocol)
	}
	return "th"
}

// nfprotoOf is the family a field's header belongs to, 0 for either.
func nfprotoOf(f Field) uint8 {
	switch f {
	case SrcV4, DstV4, ICMPType, ICMPCode:
		return unix.NFPROTO_IPV4
	case SrcV6, DstV6, HopLimit, ICMPv6Type, ICMPv6Code:
		return unix.NFPROTO_IPV6
	}
	return 0
}

func sameTypes(a, b []Field) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if fields[a[i]].datatype != fields[b[i]].datatype {
			return false
		}
	}
	return true
}

// valueText writes a value of the field as nft lists it.
func (f Field) valueText(v string) string {
	switch f {
	case NFProto:
		if v[0] == unix.NFPROTO_IPV6 {
			return "ipv6"
		}
		return "ipv4"
	case L4Proto:
		return protocolText(v[0])
	case IIFName, OIFName:
		return quote(strings.TrimRight(v, "\x00"))
	case SrcV4, DstV4, SrcV6, DstV6:
		a, _ := netip.AddrFromSlice([]byte(v))
		return a.String()
	case SrcPort, DstPort:
		return strconv.Itoa(int(binary.BigEndian.Uint16([]byte(v))))
	case Mark, CTMark:
		return "0x" + zeroFill(strconv.FormatUint(uint64(hostUint32(v)), 16), 8)
	case CTState:
		return maskText(hostUint32(v), ctStates)
	case TCPFlags:
		return maskText(uint32(v[0]), tcpFlags)
	case CTStatus:
		return maskText(hostUint32(v), ctStatuses)
	case SrcType:
		return "local"
	case ICMPType:
		return cmp.Or(icmpTypes[v[0]], strconv.Itoa(int(v[0])))
	case ICMPv6Type:
		return cmp.Or(icmpv6Types[v[0]], strconv.Itoa(int(v[0])))
	}
	return strconv.Itoa(int(v[0]))
}

// protocolText is the word nft has for a protocol in /etc/protocols, for those the model names, or its number.
func protocolText(p uint8) string {
	if p == model.ProtoICMPv6 {
		return "ipv6-icmp"
	}
	return model.ProtocolLabel(p)
}

func zeroFill(s string, n int) string { return strings.Repeat("0", max(0, n-len(s))) + s }

func hostUint32(v string) uint32 { return binaryutil.NativeEndian.Uint32([]byte(v)) }

func hostBytes(v uint32) string { return string(binaryutil.NativeEndian.PutUint32(v)) }

// register numbers the i-th 32-bit slot of the register file. Slots that begin a 128-bit register go by its old number,
// as in libnftables, because nft lists only what it would have written itself.
func register(slot int) uint32 {
	if slot%4 == 0 {
		return uint32(unix.NFT_REG_1 + slot/4)
	}
	return uint32(unix.NFT_REG32_00 + slot)
}

// KeyType is the data type of a set's keys.
func KeyType(list []Field) nftables.SetDatatype {
	if len(list) == 1 {
		return fields[list[0]].datatype
	}
	types := make([]nftables.SetDatatype, len(list))
	for i, f := range list {
		types[i] = fields[f].datatype
	}
	// More fields than nft's type encoding holds (five) is a mistake of the lowering.
	return nftables.MustConcatSetType(types...)
}

// HostOrder tells that the keys of such a set are in host byte order.
func HostOrder(list []Field) bool { return len(list) == 1 && fields[list[0]].host }
