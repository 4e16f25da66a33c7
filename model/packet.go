package model

import "net/netip"

// Packet is what a policy can see of the first packet of a connection.
type Packet struct {
	Src, Dst netip.Addr
	// Protocol is the upper-layer protocol number, after IPv6 extension headers.
	Protocol uint8
	// SrcPort and DstPort are host-order and meaningful for TCP, UDP and SCTP.
	SrcPort, DstPort uint16
	// ICMPType and ICMPCode are meaningful for ICMP and ICMPv6.
	ICMPType, ICMPCode uint8
	// Fragment marks a non-first fragment: it has no ports and no ICMP type, so no rule that names one matches.
	Fragment bool
	// HTTP is the request carried, when a layer 7 proxy has seen one.
	HTTP *HTTPRequest
}

// HTTPRequest is the part of a request that HTTPMatch looks at.
type HTTPRequest struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

// IPVersion is 4 or 6.
func (p *Packet) IPVersion() int {
	if p.Src.Is4() {
		return 4
	}
	return 6
}

// HasPorts tells whether the packet shows port numbers.
func (p *Packet) HasPorts() bool { return !p.Fragment && HasPorts(p.Protocol) }

// Layer is one of the places where an endpoint's policy acts. Workload endpoints have only LayerNormal.
type Layer uint8

// The layers of a host endpoint (Calico's normal, applyOnForward, preDNAT and doNotTrack policies).
const (
	// LayerNormal: traffic to and from the host itself, or a workload; ends in deny.
	LayerNormal Layer = iota
	// LayerForward: traffic forwarded through the host; allowed when no applyOnForward policy applies.
	LayerForward
	// LayerPreDNAT: incoming traffic before destination NAT; ingress only, no default.
	LayerPreDNAT
	// LayerUntracked: before conntrack; no default; an allow skips conntrack.
	LayerUntracked
	NumLayers = 4
)

// String is the name used on the command line: normal, forward, preDNAT or untracked.
func (l Layer) String() string {
	switch l {
	case LayerNormal:
		return "normal"
	case LayerForward:
		return "forward"
	case LayerPreDNAT:
		return "preDNAT"
	case LayerUntracked:
		return "untracked"
	}
	return "unknown"
}

// ParseLayer is the inverse of String; "" is normal.
func ParseLayer(s string) (Layer, bool) {
	if s == "" {
		return LayerNormal, true
	}
	for l := LayerNormal; l < NumLayers; l++ {
		if l.String() == s {
			return l, true
		}
	}
	return 0, false
}

// Probe asks for the verdict on one packet at one endpoint in one direction, without failsafes and without connection
// state.
type Probe struct {
	Endpoint  Key
	Direction Direction
	Layer     Layer
	Packet    Packet
}
