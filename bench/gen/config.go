package gen

import (
	"net/netip"

	"rampart/model"
)

// Slot is an endpoint of the node under test, as far as the caller chooses it: the rest is random.
type Slot struct {
	// Name is a host endpoint's name, or the pod of a workload endpoint.
	Name string
	// Host makes a host endpoint, else a workload.
	Host bool
	// Interface is the host's interface; "*" is allowed for host endpoints.
	Interface string
	// Addrs are the workload's addresses or the host's on this interface.
	Addrs []netip.Addr
}

// Config is the frame of a world.
type Config struct {
	Node  string
	Slots []Slot
	// Remotes are further addresses that packets come from and go to. Endpoints of other nodes and network sets cover
	// some of them; the rest are strangers.
	Remotes []netip.Addr
	// Protocols a probe may have; nil is all that the rules mention and a few more.
	Protocols []uint8
	// Layers a probe may ask for; nil is all four.
	Layers []model.Layer
	// LabOnly confines probes to addresses of Slots and Remotes, to the slot's own address on its side, and to packets a
	// sender in user space can make: no fragments, no HTTP.
	LabOnly bool
	// Policies and Rules bound how many policies a world has and how many rules a policy has in each direction.
	Policies, Rules int
}

func addrs(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

// DefaultConfig is a node with three workloads and three host endpoints, both families, and strangers.
func DefaultConfig() Config {
	return Config{
		Node: "n1",
		Slots: []Slot{
			{Name: "w1", Interface: "cali1", Addrs: addrs("10.65.0.1", "fd65::1")},
			{Name: "w2", Interface: "cali2", Addrs: addrs("10.65.0.2")},
			{Name: "w3", Interface: "cali3", Addrs: addrs("10.65.0.3", "10.65.1.3", "fd65::3")},
			{Name: "h1", Host: true, Interface: "eth0", Addrs: addrs("192.168.7.1", "fd07::1")},
			{Name: "h2", Host: true, Interface: "eth1", Addrs: addrs("172.16.0.1")},
			{Name: "h3", Host: true, Interface: "*"},
		},
		Remotes:  addrs("10.65.0.200", "10.65.1.1", "10.66.0.5", "192.168.7.9", "203.0.113.7", "8.8.8.8", "fd65::200", "fd65:1::1", "2001:db8::7"),
		Policies: 14,
		Rules:    4,
	}
}

// pool is every address of the configuration.
func (c *Config) pool() []netip.Addr {
	var out []netip.Addr
	for _, s := range c.Slots {
		out = append(out, s.Addrs...)
	}
	return append(out, c.Remotes...)
}
