package store

import (
	"iter"
	"net/netip"

	"rampart/model"
)

// Prefixes are the masked prefixes a resource contributes to the selectors that match it: the addresses of a workload,
// the expected addresses of a host endpoint, the nets of a network set. Other kinds have none.
func Prefixes(r model.Resource) iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		switch r := r.(type) {
		case *model.WorkloadEndpoint:
			yieldNets(r.Spec.IPNetworks, yield)
		case *model.NetworkSet:
			yieldNets(r.Spec.Nets, yield)
		case *model.HostEndpoint:
			for _, a := range r.Spec.ExpectedIPs {
				if a.IsValid() && !yield(single(a)) {
					return
				}
			}
		}
	}
}

func single(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen())
}

func yieldNets(nets []model.Net, yield func(netip.Prefix) bool) {
	for _, n := range nets {
		if n.IsValid() && !yield(n.Masked()) {
			return
		}
	}
}
