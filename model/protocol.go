package model

import (
	"fmt"
	"strconv"
	"strings"
)

// IP protocol numbers the model names (IANA "Assigned Internet Protocol Numbers").
const (
	ProtoICMP    uint8 = 1
	ProtoTCP     uint8 = 6
	ProtoUDP     uint8 = 17
	ProtoICMPv6  uint8 = 58
	ProtoSCTP    uint8 = 132
	ProtoUDPLite uint8 = 136
)

// Protocol is an IP protocol given by name or by number. The zero value means "not given". The two forms differ in one
// way: only the NAMES ICMP and ICMPv6 tie a rule to an IP version.
type Protocol struct {
	// Name is one of TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite, or "" when given by number. An unknown name is kept for
	// validation to report; its Number is 0.
	Name string
	// Number is the IANA number, also when given by name.
	Number uint8
}

var protocolNumbers = map[string]uint8{
	"ICMP": ProtoICMP, "TCP": ProtoTCP, "UDP": ProtoUDP, "ICMPv6": ProtoICMPv6, "SCTP": ProtoSCTP, "UDPLite": ProtoUDPLite,
}

// ProtocolNames are the accepted names, for messages.
func ProtocolNames() []string { return []string{"TCP", "UDP", "ICMP", "ICMPv6", "SCTP", "UDPLite"} }

// ParseProtocol reads a name (case-sensitive, as in Calico) or a decimal number 1-255. An unknown name and the number 0
// are kept as a Name, not an error here: validation reports them with their place.
func ParseProtocol(s string) (Protocol, error) {
	if !digits.MatchString(s) || strings.Trim(s, "0") == "" {
		return Protocol{Name: s, Number: protocolNumbers[s]}, nil
	}
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil {
		return Protocol{}, fmt.Errorf("protocol number %s is not in 1-255", s)
	}
	return ProtocolNumber(uint8(n)), nil
}

// ProtocolNumber is a protocol given by number.
func ProtocolNumber(n uint8) Protocol { return Protocol{Number: n} }

// IsZero tells that no protocol was given.
func (p Protocol) IsZero() bool { return p == Protocol{} }

// unknown tells of a protocol that was given and is none, which validation reports.
func (p Protocol) unknown() bool { return p.Name != "" && p.Number == 0 }

// String is the form a manifest has: the name, else the number.
func (p Protocol) String() string {
	if p.Name != "" {
		return p.Name
	}
	return strconv.Itoa(int(p.Number))
}

// MarshalText implements encoding.TextMarshaler.
func (p Protocol) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Protocol) UnmarshalText(b []byte) (err error) {
	*p, err = ParseProtocol(string(b))
	return err
}

// UnmarshalJSON reads a number or a string.
func (p *Protocol) UnmarshalJSON(b []byte) error {
	text, isNumber, err := numberOrString(b)
	if err != nil {
		return err
	}
	if isNumber && !digits.MatchString(text) {
		return fmt.Errorf("protocol number %s is not in 1-255", text)
	}
	return p.UnmarshalText([]byte(text))
}

// MarshalJSON writes a name as a string, a number as a number.
func (p Protocol) MarshalJSON() ([]byte, error) { return marshalNumberOrString(p.String()) }

// ProtocolLabel is the usual lower-case word for a protocol number, or the number.
func ProtocolLabel(n uint8) string {
	switch n {
	case ProtoICMP:
		return "icmp"
	case ProtoTCP:
		return "tcp"
	case ProtoUDP:
		return "udp"
	case ProtoICMPv6:
		return "icmpv6"
	case ProtoSCTP:
		return "sctp"
	case ProtoUDPLite:
		return "udplite"
	}
	return strconv.Itoa(int(n))
}

// HasPorts tells whether rules may match ports of the protocol: TCP, UDP and SCTP, as in Calico (UDPLite not).
func HasPorts(n uint8) bool { return n == ProtoTCP || n == ProtoUDP || n == ProtoSCTP }
