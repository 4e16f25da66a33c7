package conntrack

import (
	"encoding/binary"
	"errors"
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
	routes *socket
	names  map[int]string
	places map[netip.Addr]place
}

// maxPlaces bounds what an atlas remembers.
const maxPlaces = 1 << 17

func newAtlas() (*atlas, error) {
	links, err := netlink.LinkList()
	for tries := 0; errors.Is(err, netlink.ErrDumpInterrupted) && tries < 100; tries++ { // interfaces came or went meanwhile
		links, err = netlink.LinkList()
	}
	if err != nil {
		return nil, fmt.Errorf("interfaces: %w", err)
	}
	s, err := openSocket(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	a := &atlas{routes: s, names: map[int]string{}, places: map[netip.Addr]place{}}
	for _, l := range links {
		a.names[l.Attrs().Index] = l.Attrs().Name
	}
	return a, nil
}

func (a *atlas) close() error { return a.routes.close() }

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

// lookUp asks for the route to an address (rtnetlink(7), RTM_GETROUTE; uapi/linux/rtnetlink.h, struct rtmsg). There may be
// as many as connections, and most of the time goes into this, so it does without a library.
func (a *atlas) lookUp(addr netip.Addr) place {
	header := [unix.SizeofRtMsg]byte{0: unix.AF_INET6, 1: uint8(addr.BitLen())}
	if addr.Is4() {
		header[0] = unix.AF_INET
	}
	to := appendAttribute(nil, unix.RTA_DST, addr.AsSlice())
	if err := a.routes.send(unix.RTM_GETROUTE, 0, header[:], to); err != nil {
		return place{}
	}
	var p place
	for answered := false; !answered; {
		done, err := a.routes.receive(func(message []byte) error {
			answered = true
			p = a.placeOf(message)
			return nil
		})
		if done || err != nil {
			break
		}
	}
	return p
}

// placeOf reads a route.
func (a *atlas) placeOf(route []byte) place {
	const typeOfRoute = 7 // rtm_type
	if len(route) < unix.SizeofRtMsg {
		return place{}
	}
	switch route[typeOfRoute] {
	case unix.RTN_LOCAL:
		return place{local: true, known: true}
	case unix.RTN_UNICAST:
		ok := true
		for at := range attributes(route[unix.SizeofRtMsg:], &ok) {
			if at.kind == unix.RTA_OIF && len(at.value) == 4 {
				name := a.names[int(binary.NativeEndian.Uint32(at.value))]
				return place{iface: name, known: name != ""}
			}
		}
	}
	return place{}
}
