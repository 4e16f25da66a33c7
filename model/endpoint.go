package model

import (
	"fmt"
	"net/netip"
)

// HostEndpoint is an interface of a host, or all of them ("*"), or whichever holds one of its expected addresses.
type HostEndpoint struct {
	Object
	Spec HostEndpointSpec `json:"spec"`
}

// HostEndpointSpec is the content of a HostEndpoint. With InterfaceName, ExpectedIPs only feed selectors; without, they
// choose the interface.
type HostEndpointSpec struct {
	Node          string         `json:"node,omitempty"`
	InterfaceName string         `json:"interfaceName,omitempty"`
	ExpectedIPs   []netip.Addr   `json:"expectedIPs,omitempty"`
	Profiles      []string       `json:"profiles,omitempty"`
	Ports         []EndpointPort `json:"ports,omitempty"`
}

// WorkloadEndpoint is the host's side of a workload's interface: a container's or a virtual machine's veth or tap.
type WorkloadEndpoint struct {
	Object
	Spec WorkloadEndpointSpec `json:"spec"`
}

// WorkloadEndpointSpec is the content of a WorkloadEndpoint. IPNetworks are single addresses (/32, /128).
type WorkloadEndpointSpec struct {
	Orchestrator               string         `json:"orchestrator,omitempty"`
	Workload                   string         `json:"workload,omitempty"`
	Node                       string         `json:"node,omitempty"`
	ContainerID                string         `json:"containerID,omitempty"`
	Pod                        string         `json:"pod,omitempty"`
	Endpoint                   string         `json:"endpoint,omitempty"`
	ServiceAccountName         string         `json:"serviceAccountName,omitempty"`
	IPNetworks                 []Net          `json:"ipNetworks,omitempty"`
	IPNATs                     []IPNAT        `json:"ipNATs,omitempty"`
	IPv4Gateway                string         `json:"ipv4Gateway,omitempty"`
	IPv6Gateway                string         `json:"ipv6Gateway,omitempty"`
	Profiles                   []string       `json:"profiles,omitempty"`
	InterfaceName              string         `json:"interfaceName,omitempty"`
	MAC                        string         `json:"mac,omitempty"`
	Ports                      []EndpointPort `json:"ports,omitempty"`
	AllowSpoofedSourcePrefixes []Net          `json:"allowSpoofedSourcePrefixes,omitempty"`
}

// IPNAT maps an external address to one of the workload's.
type IPNAT struct {
	InternalIP string `json:"internalIP,omitempty"`
	ExternalIP string `json:"externalIP,omitempty"`
}

// EndpointPort gives a port of an endpoint a name that rules may use. HostPort and HostIP belong to workloads only and
// are kept, not used.
type EndpointPort struct {
	Name     string   `json:"name,omitempty"`
	Protocol Protocol `json:"protocol"`
	Port     int      `json:"port"`
	HostPort int      `json:"hostPort,omitempty"`
	HostIP   string   `json:"hostIP,omitempty"`
}

// NetworkSet is a NetworkSet or a GlobalNetworkSet: prefixes that selectors match by the set's labels.
type NetworkSet struct {
	Object
	Spec NetworkSetSpec `json:"spec,omitzero"`
}

// NetworkSetSpec is the content of a NetworkSet: prefixes of both families.
type NetworkSetSpec struct {
	Nets []Net `json:"nets,omitempty"`
}

// Net is a prefix read leniently: a bare address is a /32 or /128. Host bits are kept as written; use Masked.
type Net struct{ netip.Prefix }

// ParseNet reads a CIDR or a bare address. Zones and IPv4-mapped IPv6 addresses are refused.
func ParseNet(s string) (Net, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		if a.Zone() != "" || a.Is4In6() {
			return Net{}, fmt.Errorf("%q is neither an address nor a CIDR", s)
		}
		return Net{netip.PrefixFrom(a, a.BitLen())}, nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return Net{}, fmt.Errorf("%q is neither an address nor a CIDR", s)
	}
	return Net{p}, nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Net) UnmarshalText(b []byte) (err error) {
	*n, err = ParseNet(string(b))
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (n Net) MarshalText() ([]byte, error) { return []byte(n.String()), nil }
