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

// place says on which interfaces each endpoint is in force. Of several endpoints for one interface the first by key wins,
// workloads before host endpoints; a host endpoint may claim it by name or by address. One that wins none is in force
// on the interface "", which is none.
func place(locals []*local, host Host) map[*local][]string {
	slices.SortFunc(locals, func(a, b *local) int {
		if a.workload() != b.workload() {
			if a.workload() {
				return -1
			}
			return 1
		}
		return a.key.Compare(b.key)
	})
	out := make(map[*local][]string, len(locals))
	taken := make(map[string]bool, len(locals))
	for _, l := range locals {
		var names []string
		switch r := l.item.resource.(type) {
		case *model.WorkloadEndpoint:
			names = []string{r.Spec.InterfaceName}
		case *model.HostEndpoint:
			if names = []string{r.Spec.InterfaceName}; names[0] == "" {
				names = holders(host, r.Spec.ExpectedIPs)
			}
		}
		names = slices.DeleteFunc(names, func(n string) bool { return n == "" || taken[n] })
		for _, n := range names {
			taken[n] = true
		}
		if len(names) == 0 {
			names = []string{""}
		}
		out[l] = names
	}
	return out
}

// holders are the interfaces that have one of the addresses.
func holders(host Host, addrs []netip.Addr) []string {
	var names []string
	for _, i := range host.Interfaces {
		if slices.ContainsFunc(i.Addrs, func(a netip.Addr) bool { return slices.Contains(addrs, a.Unmap().WithZone("")) }) {
			names = append(names, i.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
