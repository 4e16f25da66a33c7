package conf

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"rampart/model"
)

// FailsafePort is a protocol, a port and, unless it is the zero Prefix, the peer's prefix. It is written as Calico writes
// it: "tcp:22", "22" (TCP), "udp:10.0.0.0/8:53", "tcp:[2001:db8::/32]:22".
type FailsafePort struct {
	Protocol uint8
	Net      netip.Prefix
	Port     uint16
}

var failsafeProtocols = map[string]uint8{"tcp": model.ProtoTCP, "udp": model.ProtoUDP, "sctp": model.ProtoSCTP}

var errFailsafe = errors.New(`a failsafe port is PROTOCOL:PORT or PROTOCOL:CIDR:PORT, with tcp, udp or sctp and an IPv6 CIDR in brackets: ` +
	`"tcp:22", "udp:10.0.0.0/8:53", "tcp:[2001:db8::/32]:22"`)

// ParseFailsafePort reads one.
func ParseFailsafePort(s string) (FailsafePort, error) {
	protocol, rest, ok := strings.Cut(s, ":")
	if !ok {
		protocol, rest = "tcp", s
	}
	f := FailsafePort{Protocol: failsafeProtocols[strings.ToLower(protocol)]}
	if f.Protocol == 0 {
		return FailsafePort{}, fmt.Errorf("%q has no protocol tcp, udp or sctp: %w", s, errFailsafe)
	}
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		cidr := rest[:i]
		rest = rest[i+1:]
		bracketed := strings.HasPrefix(cidr, "[") && strings.HasSuffix(cidr, "]")
		n, err := netip.ParsePrefix(strings.Trim(cidr, "[]"))
		if err != nil || n.Addr().Is6() != bracketed || n.Addr().Is4In6() {
			return FailsafePort{}, fmt.Errorf("%q has no CIDR in the middle: %w", s, errFailsafe)
		}
		f.Net = n.Masked()
	}
	port, err := strconv.ParseUint(rest, 10, 16)
	if err != nil || port == 0 {
		return FailsafePort{}, fmt.Errorf("%q has no port from 1 to 65535: %w", s, errFailsafe)
	}
	f.Port = uint16(port)
	return f, nil
}

func mustFailsafePorts(texts ...string) []FailsafePort {
	ports := make([]FailsafePort, len(texts))
	for i, s := range texts {
		var err error
		if ports[i], err = ParseFailsafePort(s); err != nil {
			panic(err)
		}
	}
	return ports
}

// String is the form a configuration has.
func (f FailsafePort) String() string {
	protocol := model.ProtocolLabel(f.Protocol)
	switch {
	case !f.Net.IsValid():
		return fmt.Sprintf("%s:%d", protocol, f.Port)
	case f.Net.Addr().Is6():
		return fmt.Sprintf("%s:[%s]:%d", protocol, f.Net, f.Port)
	}
	return fmt.Sprintf("%s:%s:%d", protocol, f.Net, f.Port)
}

// MarshalText implements encoding.TextMarshaler.
func (f FailsafePort) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *FailsafePort) UnmarshalText(b []byte) (err error) {
	*f, err = ParseFailsafePort(string(b))
	return err
}

// Noun names the type in messages.
func (FailsafePort) Noun() string { return "failsafe port" }
