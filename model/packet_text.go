package model

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ICMP types of an echo request, which ParsePacket assumes when none is written (RFC 792, RFC 4443).
const (
	icmpEchoRequest   = 8
	icmpv6EchoRequest = 128
)

// ParsePacket reads the one-line form of a packet that the command line and the tests use:
//
//	tcp 10.0.0.1:40000 > 10.0.0.3:6379
//	udp [2001:db8::1]:5353 > [2001:db8::2]:53
//	icmp 10.0.0.1 > 10.0.0.3 type 8 code 0
//	proto 47 10.0.0.1 > 10.0.0.3
//	tcp 10.0.0.1 > 10.0.0.3 fragment
//	tcp 10.0.0.1:40000 > 10.0.0.3:80 http GET /index.html
//
// Protocols are tcp, udp, sctp, udplite, icmp and icmpv6 in any case, or proto and a number. TCP, UDP and SCTP need both
// ports unless the packet is a fragment. ICMP without a type is an echo request.
func ParsePacket(s string) (Packet, error) {
	p, err := parsePacket(strings.Fields(s))
	if err != nil {
		return Packet{}, fmt.Errorf("packet %q: %w", s, err)
	}
	return p, nil
}

func parsePacket(words []string) (Packet, error) {
	var p Packet
	if len(words) == 0 {
		return p, errors.New("is empty; write for example: tcp 10.0.0.1:40000 > 10.0.0.3:6379")
	}
	proto, rest, err := packetProtocol(words)
	if err != nil {
		return p, err
	}
	p.Protocol = proto
	if len(rest) < 3 || rest[1] != ">" {
		return p, errors.New(`needs "SOURCE > DESTINATION" after the protocol`)
	}
	srcPorts, err := packetEnd(rest[0], &p.Src, &p.SrcPort)
	if err != nil {
		return p, fmt.Errorf("source: %w", err)
	}
	dstPorts, err := packetEnd(rest[2], &p.Dst, &p.DstPort)
	if err != nil {
		return p, fmt.Errorf("destination: %w", err)
	}
	if p.Protocol == ProtoICMP {
		p.ICMPType = icmpEchoRequest
	} else if p.Protocol == ProtoICMPv6 {
		p.ICMPType = icmpv6EchoRequest
	}
	if err := packetOptions(&p, rest[3:]); err != nil {
		return p, err
	}
	switch portless := p.Fragment || !HasPorts(p.Protocol) && p.Protocol != ProtoUDPLite; {
	case portless && (srcPorts || dstPorts):
		return p, fmt.Errorf("%s has no ports here", packetWord(&p))
	case HasPorts(p.Protocol) && !p.Fragment && !(srcPorts && dstPorts):
		example := "10.0.0.1:40000"
		if p.Src.Is6() || p.Dst.Is6() { // perhaps the last part of an address was to be a port
			example = "[2001:db8::1]:40000"
		}
		return p, fmt.Errorf("%s needs a source and a destination port, as in %s", ProtocolLabel(p.Protocol), example)
	}
	return p, p.Valid()
}

func packetWord(p *Packet) string {
	if p.Fragment {
		return "a fragment"
	}
	return ProtocolLabel(p.Protocol)
}

func packetProtocol(words []string) (uint8, []string, error) {
	if strings.EqualFold(words[0], "proto") {
		if len(words) < 2 {
			return 0, nil, errors.New("proto needs a number")
		}
		n, err := strconv.ParseUint(words[1], 10, 8)
		if err != nil {
			return 0, nil, fmt.Errorf("protocol number %q is not in 0-255", words[1])
		}
		return uint8(n), words[2:], nil
	}
	n, err := ParseProtocolLabel(words[0])
	return n, words[1:], err
}

// packetEnd reads an address with or without a port.
func packetEnd(s string, addr *netip.Addr, port *uint16) (hasPort bool, err error) {
	bare := s
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
		bare = strings.TrimSuffix(inner, "]")
	}
	if a, err := netip.ParseAddr(bare); err == nil {
		*addr = a
		return false, nil
	}
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return false, fmt.Errorf("%q is not an address, address:port or [address]:port", s)
	}
	*addr, *port = ap.Addr(), ap.Port()
	return true, nil
}

func packetOptions(p *Packet, words []string) error {
	for len(words) > 0 {
		word := words[0]
		switch {
		case word == "fragment":
			p.Fragment, words = true, words[1:]
		case (word == "type" || word == "code") && len(words) > 1:
			if p.Protocol != ProtoICMP && p.Protocol != ProtoICMPv6 {
				return fmt.Errorf("%s is only for icmp and icmpv6", word)
			}
			n, err := strconv.ParseUint(words[1], 10, 8)
			if err != nil {
				return fmt.Errorf("%s %q is not in 0-255", word, words[1])
			}
			if word == "type" {
				p.ICMPType = uint8(n)
			} else {
				p.ICMPCode = uint8(n)
			}
			words = words[2:]
		case word == "http" && p.Protocol != ProtoTCP:
			return errors.New("http is only for tcp")
		case word == "http" && len(words) > 2:
			p.HTTP, words = &HTTPRequest{Method: words[1], Path: words[2]}, words[3:]
		default:
			return fmt.Errorf("%q is not understood; options are type N, code N, fragment and http METHOD PATH", strings.Join(words, " "))
		}
	}
	return nil
}

// Valid reports a packet that cannot exist: an address missing, zoned or IPv4-mapped, or two families.
func (p *Packet) Valid() error {
	for _, a := range []netip.Addr{p.Src, p.Dst} {
		switch {
		case !a.IsValid():
			return errors.New("an address is missing")
		case a.Zone() != "" || a.Is4In6():
			return fmt.Errorf("address %s has a zone or is an IPv4-mapped IPv6 address", a)
		}
	}
	if p.Src.Is4() != p.Dst.Is4() {
		return fmt.Errorf("source %s and destination %s are of two IP versions", p.Src, p.Dst)
	}
	return nil
}

// String is the form ParsePacket reads.
func (p Packet) String() string {
	var b strings.Builder
	if label := ProtocolLabel(p.Protocol); label[0] >= '0' && label[0] <= '9' {
		b.WriteString("proto ")
	}
	end := func(a netip.Addr, port uint16) string {
		if p.HasPorts() || p.Protocol == ProtoUDPLite && !p.Fragment {
			return netip.AddrPortFrom(a, port).String()
		}
		return a.String()
	}
	fmt.Fprintf(&b, "%s %s > %s", ProtocolLabel(p.Protocol), end(p.Src, p.SrcPort), end(p.Dst, p.DstPort))
	if p.Protocol == ProtoICMP || p.Protocol == ProtoICMPv6 {
		if p.Fragment {
			b.WriteString(" fragment")
		} else {
			fmt.Fprintf(&b, " type %d code %d", p.ICMPType, p.ICMPCode)
		}
	} else if p.Fragment {
		b.WriteString(" fragment")
	}
	if p.HTTP != nil {
		fmt.Fprintf(&b, " http %s %s", p.HTTP.Method, p.HTTP.Path)
	}
	return b.String()
}

// ParseProtocolLabel is the inverse of ProtocolLabel: a name in any case, or a number.
func ParseProtocolLabel(s string) (uint8, error) {
	for _, name := range ProtocolNames() {
		if strings.EqualFold(s, name) {
			return protocolNumbers[name], nil
		}
	}
	if n, err := strconv.ParseUint(s, 10, 8); err == nil {
		return uint8(n), nil
	}
	return 0, fmt.Errorf("protocol %q is not one of tcp, udp, sctp, udplite, icmp, icmpv6 or a number 0-255", s)
}
