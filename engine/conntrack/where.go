package conntrack

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// place is where an address is, seen from this node.
type place struct {
	// local: an address of this node itself. Otherwise iface is the interface that leads to it.
	local bool
	iface string
	known bool
}

// atlas tells places by the routing table, and remembers them.
type atlas struct {
	routes *netlink.Handle
	names  map[int]string
	places map[netip.Addr]place
}

// maxPlaces bounds what an atlas remembers.
const maxPlaces = 1 << 17

func newAtlas() (*atlas, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	links, err := h.LinkList()
	if err != nil {
		h.Close()
		return nil, fmt.Errorf("interfaces: %w", err)
	}
	a := &atlas{routes: h, names: map[int]string{}, places: map[netip.Addr]place{}}
	for _, l := range links {
		a.names[l.Attrs().Index] = l.Attrs().Name
	}
	return a, nil
}

func (a *atlas) close() { a.routes.Close() }

// find looks an address up. Link-local and multicast addresses have no place without an interface, which the connection
// table does not tell.
func (a *atlas) find(addr netip.Addr) place {
	if p, ok := a.places[addr]; ok {
		return p
	}
	var p place
	if !addr.IsLinkLocalUnicast() && !addr.IsMulticast() && !addr.IsUnspecified() {
		p = a.lookUp(addr)
	}
	if len(a.places) == maxPlaces {
		clear(a.places)
	}
	a.places[addr] = p
	return p
}

func (a *atlas) lookUp(addr netip.Addr) place {
	routes, err := a.routes.RouteGet(addr.AsSlice())
	if err != nil || len(routes) == 0 {
		return place{}
	}
	switch r := routes[0]; r.Type {
	case unix.RTN_LOCAL:
		return place{local: true, known: true}
	case unix.RTN_UNICAST:
		name := a.names[r.LinkIndex]
		return place{iface: name, known: name != ""}
	}
	return place{}
}
