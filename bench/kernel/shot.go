package kernel

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"rampart/bench/lab"
	"rampart/model"
)

// Shot is one line of a row: a packet and whether it must arrive.
//
//	pass|drop FROM > TO WHAT [v4|v6] [src=ADDR] [dst=ADDR] [sport=N] [frag=N]   # why
//
// FROM and TO are peers of the lab, or "host" for the firewall. WHAT is a protocol, by name or number, with a port where
// it has one (tcp:80, sctp:7, 253), an ICMP type with or without code (icmp:8/1, icmpv6:135), or ping, which is the
// family's own. A line stands for both families unless something in it ties it to one.
type Shot struct {
	Line string
	Pass bool
	Wire
}

// ParseShots reads the lines of a row.
func ParseShots(links []lab.Link, text string) ([]Shot, error) {
	var out []Shot
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		shots, err := parseShot(links, strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.TrimSpace(line), err)
		}
		out = append(out, shots...)
	}
	return out, nil
}

func parseShot(links []lab.Link, line string) ([]Shot, error) {
	field := strings.Fields(line)
	if len(field) < 5 || field[2] != ">" || field[0] != "pass" && field[0] != "drop" {
		return nil, fmt.Errorf("want pass|drop FROM > TO WHAT")
	}
	s := Shot{Line: line, Pass: field[0] == "pass"}
	s.Packet.SrcPort = 40000
	families, err := s.what(field[4])
	if err != nil {
		return nil, err
	}
	for _, option := range field[5:] {
		key, value, _ := strings.Cut(option, "=")
		switch key {
		case "v4", "v6":
			families = both(families, int(key[1]-'0'))
		case "src", "dst":
			a, err := netip.ParseAddr(value)
			if err != nil {
				return nil, err
			}
			if families = both(families, familyOf(a)); key == "src" {
				s.Packet.Src = a
			} else {
				s.Packet.Dst = a
			}
		case "sport":
			n, err := strconv.ParseUint(value, 10, 16)
			if err != nil {
				return nil, err
			}
			s.Packet.SrcPort = uint16(n)
		case "frag":
			if s.Fragments, err = strconv.Atoi(value); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("unknown option %s", option)
		}
	}
	var out []Shot
	for _, family := range families {
		one, err := s.resolve(links, field[1], field[3], family)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no family is left")
	}
	return out, nil
}

// both are the families that are in a list and equal to one.
func both(families []int, family int) []int {
	if slices.Contains(families, family) {
		return []int{family}
	}
	return nil
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}

// what reads the protocol and what belongs to it, and tells the families it may be sent in.
func (s *Shot) what(text string) ([]int, error) {
	name, rest, _ := strings.Cut(text, ":")
	p := &s.Packet
	switch name {
	case "ping":
		return []int{4, 6}, nil // resolve fills it in
	case "icmp", "icmpv6":
		family := 4
		if p.Protocol = model.ProtoICMP; name == "icmpv6" {
			p.Protocol, family = model.ProtoICMPv6, 6
		}
		typ, code, _ := strings.Cut(rest, "/")
		if code == "" {
			code = "0"
		}
		t, err := strconv.ParseUint(typ, 10, 8)
		if err != nil {
			return nil, err
		}
		c, err := strconv.ParseUint(code, 10, 8)
		if err != nil {
			return nil, err
		}
		p.ICMPType, p.ICMPCode = uint8(t), uint8(c)
		return []int{family}, nil
	}
	names := map[string]uint8{"tcp": model.ProtoTCP, "udp": model.ProtoUDP, "sctp": model.ProtoSCTP, "udplite": model.ProtoUDPLite}
	number, ok := names[name]
	if !ok {
		n, err := strconv.ParseUint(name, 10, 8)
		if err != nil {
			return nil, fmt.Errorf("unknown protocol %s", name)
		}
		p.Protocol = uint8(n)
		return []int{4, 6}, nil
	}
	port, err := strconv.ParseUint(rest, 10, 16)
	if err != nil {
		return nil, err
	}
	p.Protocol, p.DstPort = number, uint16(port)
	return []int{4, 6}, nil
}

// resolve fills in the addresses and the way of one family.
func (s Shot) resolve(links []lab.Link, from, to string, family int) (Shot, error) {
	p := &s.Packet
	if p.Protocol == 0 {
		p.Protocol, p.ICMPType = model.ProtoICMP, 8
		if family == 6 {
			p.Protocol, p.ICMPType = model.ProtoICMPv6, 128
		}
	}
	if p.Protocol == model.ProtoICMP || p.Protocol == model.ProtoICMPv6 || !model.HasPorts(p.Protocol) && p.Protocol != model.ProtoUDPLite {
		p.SrcPort = 0
	}
	src, in, err := end(links, from, to, family)
	if err != nil {
		return s, err
	}
	dst, out, err := end(links, to, from, family)
	if err != nil {
		return s, err
	}
	if !p.Src.IsValid() {
		p.Src = src
	}
	if !p.Dst.IsValid() {
		p.Dst = dst
	}
	s.From, s.In, s.To, s.Out = place(from), in, place(to), out
	return s, nil
}

func place(name string) string {
	if name == "host" {
		return lab.FirewallName
	}
	return name
}

// end is the address and the firewall's interface of one end of a packet; the host's address is the one on the link to
// the other end, if that is no workload.
func end(links []lab.Link, name, other string, family int) (netip.Addr, string, error) {
	if name == "host" {
		for _, second := range []bool{false, true} {
			for _, l := range links {
				for _, g := range l.Gateway {
					if familyOf(g.Addr()) == family && (second || l.Peer == other) {
						return g.Addr(), "", nil
					}
				}
			}
		}
	}
	for _, l := range links {
		for _, a := range l.Addrs {
			if l.Peer == name && familyOf(a) == family {
				return a, l.Interface, nil
			}
		}
	}
	return netip.Addr{}, "", fmt.Errorf("no address of %s for IPv%d", name, family)
}
