package model

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

func (f *findings) hostEndpoint(h *HostEndpoint) {
	s := &h.Spec
	if s.Node == "" {
		f.errorf("spec.node", "node must be specified")
	}
	if s.InterfaceName == "" && len(s.ExpectedIPs) == 0 {
		f.errorf("spec.interfaceName", "at least one of interfaceName or expectedIPs must be specified")
	}
	if s.InterfaceName != "" && s.InterfaceName != "*" {
		f.interfaceName("spec.interfaceName", s.InterfaceName)
	}
	for i, ip := range s.ExpectedIPs {
		if !ip.IsValid() || ip.Zone() != "" || ip.Is4In6() {
			f.errorf(index("spec.expectedIPs", i), "invalid IP address")
		}
	}
	f.profileNames(s.Profiles)
	for i := range s.Ports {
		at, p := index("spec.ports", i), &s.Ports[i]
		if msg := endpointPortName(p.Name); msg != "" {
			f.errorf(at+".name", "%s", msg)
		}
		f.endpointPort(at, p, "EndpointPort")
		if p.HostPort != 0 || p.HostIP != "" {
			f.errorf(at, "hostPort and hostIP belong to workload endpoints")
		}
	}
}

func (f *findings) workloadEndpoint(w *WorkloadEndpoint) {
	s := &w.Spec
	f.interfaceName("spec.interfaceName", s.InterfaceName)
	if s.ContainerID != "" && !containerIDRegexp.MatchString(s.ContainerID) {
		f.errorf("spec.containerID", "container ID must consist of letters, digits and '-', and start and end with a letter or digit")
	}
	if s.Node == "" {
		f.warnf("spec.node", "without a node the endpoint is guarded on no host; only its addresses count")
	}
	if len(s.IPNetworks) == 0 {
		f.warnf("spec.ipNetworks", "without addresses the endpoint is no peer of any rule, and its traffic counts as spoofed")
	}
	for i, n := range s.IPNetworks {
		if !n.IsSingleIP() {
			f.errorf(index("spec.ipNetworks", i), "IP network contains multiple addresses")
		}
	}
	for i, nat := range s.IPNATs {
		f.ipNAT(index("spec.ipNATs", i), nat, s.IPNetworks)
	}
	f.gateway("spec.ipv4Gateway", "IPv4", s.IPv4Gateway, true)
	f.gateway("spec.ipv6Gateway", "IPv6", s.IPv6Gateway, false)
	if _, err := net.ParseMAC(s.MAC); s.MAC != "" && err != nil {
		f.errorf("spec.mac", "invalid MAC address")
	}
	f.profileNames(s.Profiles)
	for i := range s.Ports {
		f.workloadPort(index("spec.ports", i), &s.Ports[i])
	}
	f.workloadName(w)
}

func (f *findings) workloadPort(at string, p *EndpointPort) {
	if p.Name != "" {
		if msg := endpointPortName(p.Name); msg != "" {
			f.errorf(at+".name", "%s", msg)
		}
	} else if p.HostPort == 0 {
		f.errorf(at+".name", "WorkloadEndpointPort name must not be empty if no HostPort is specified")
	}
	f.endpointPort(at, p, "WorkloadEndpointPort")
	f.between(at+".hostPort", &p.HostPort, 0, 65535)
	if _, err := netip.ParseAddr(p.HostIP); p.HostIP != "" && err != nil {
		f.errorf(at+".hostIP", "invalid IP address")
	}
}

func (f *findings) endpointPort(at string, p *EndpointPort, what string) {
	f.protocol(at+".protocol", p.Protocol, 0)
	if !HasPorts(p.Protocol.Number) {
		f.mismatch(at+".protocol", p.Protocol, what+" protocol does not support ports.")
	}
	if p.Port < 1 || p.Port > 65535 {
		f.errorf(at+".port", "port number must be between 1 and 65535")
	}
}

func (f *findings) interfaceName(path, name string) {
	if len(name) > maxInterfaceName || !isInterfaceName(name) {
		f.errorf(path, "%q %s", name, msgInterface)
	}
}

func (f *findings) ipNAT(at string, nat IPNAT, networks []Net) {
	internal, err := netip.ParseAddr(nat.InternalIP)
	if err != nil {
		f.errorf(at+".internalIP", "invalid IP address")
	} else if !slices.ContainsFunc(networks, func(n Net) bool { return n.Contains(internal) }) {
		f.errorf(at+".internalIP", "NAT is not in the endpoint networks")
	}
	if _, err := netip.ParseAddr(nat.ExternalIP); err != nil {
		f.errorf(at+".externalIP", "invalid IP address")
	}
}

func (f *findings) gateway(path, family, text string, v4 bool) {
	if text == "" {
		return
	}
	if n, err := ParseNet(text); err != nil || n.Addr().Is4() != v4 {
		f.errorf(path, "invalid %s gateway address specified", family)
	}
}

func (f *findings) profileNames(names []string) {
	for i, name := range names {
		f.name(index("spec.profiles", i), name, maxName)
	}
}

// workloadName warns when the name is not the one Calico makes of the endpoint's identifiers: node, orchestrator, pod or
// workload, and endpoint, with dashes doubled and joined by dashes.
func (f *findings) workloadName(w *WorkloadEndpoint) {
	s := &w.Spec
	workload := s.Workload
	if s.Orchestrator == "k8s" {
		workload = s.Pod
	}
	parts := []string{s.Node, s.Orchestrator, workload, s.Endpoint}
	if slices.Contains(parts, "") {
		return
	}
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(p, "-", "--")
	}
	if want := strings.Join(parts, "-"); w.Metadata.Name != want {
		f.warnf("metadata.name", "Calico would refuse this name: node, orchestrator, workload and endpoint make it %q", want)
	}
}

// networkSet has nothing to refuse that reading its nets has not refused.
func (f *findings) networkSet(s *NetworkSet) {
	for i, n := range s.Spec.Nets {
		if n.IsValid() && n.Prefix != n.Masked() {
			f.warnf(index("spec.nets", i), "%s has host bits set and is read as %s", n, n.Masked())
		}
	}
}
