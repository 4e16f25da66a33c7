package compile

import (
	"net/netip"
	"slices"

	"rampart/model"
)

// Host is what compiling needs to know of the machine. Node chooses the endpoints that are compiled; it is compared
// with an endpoint's node byte by byte.
type Host struct {
	Node string
	// Interfaces resolve host endpoints that are given by expectedIPs only. Without them such an endpoint is compiled
	// but has no interface.
	Interfaces []Interface
}

// Interface is a network interface of the host and its addresses.
type Interface struct {
	Name  string
	Addrs []netip.Addr
}

// anyInterface is the interface name of a host endpoint for all interfaces without one of their own.
const anyInterface = "*"

// resolveHostEndpoints says on which interfaces each host endpoint is in force. Endpoints must be sorted by name: of
// several for one interface the first wins, given by name or by address. One that wins none gets the interface "".
func resolveHostEndpoints(endpoints []*model.HostEndpoint, host Host) map[*model.HostEndpoint][]string {
	out := make(map[*model.HostEndpoint][]string, len(endpoints))
	taken := map[string]bool{}
	for _, h := range endpoints {
		var names []string
		if h.Spec.InterfaceName != "" {
			names = []string{h.Spec.InterfaceName}
		} else {
			names = holders(host, h.Spec.ExpectedIPs)
		}
		for _, n := range names {
			if !taken[n] {
				taken[n] = true
				out[h] = append(out[h], n)
			}
		}
		if out[h] == nil {
			out[h] = []string{""}
		}
		slices.Sort(out[h])
	}
	return out
}

// holders are the interfaces that have one of the addresses.
func holders(host Host, addrs []netip.Addr) []string {
	var names []string
	for _, i := range host.Interfaces {
		if slices.ContainsFunc(i.Addrs, func(a netip.Addr) bool { return slices.Contains(addrs, a.WithZone("")) }) {
			names = append(names, i.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
