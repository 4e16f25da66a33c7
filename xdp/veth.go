package xdp

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/vishvananda/netlink"

	"rampart/xdp/bpf"
)

// alias marks our interfaces, so that those left by a crash are recognised.
const alias = "rampart fast path"

// handback is a private veth pair: frames sent on near arrive at far, and from there as if on the guarded interface.
type handback struct {
	near, far int // interface indices
	name      string
	program   *bpf.Handback
}

// newHandback makes the pair for an interface in the calling thread's network namespace, replacing one left behind.
func newHandback(ifindex, queues, mtu int, mark uint32) (h *handback, err error) {
	h = &handback{name: fmt.Sprintf("rmpt%dn", ifindex)}
	farName := fmt.Sprintf("rmpt%df", ifindex)
	if old, err := netlink.LinkByName(h.name); err == nil {
		if old.Attrs().Alias != alias {
			return nil, fmt.Errorf("the interface name %s is taken", h.name)
		}
		if err := netlink.LinkDel(old); err != nil {
			return nil, fmt.Errorf("remove old interface %s: %w", h.name, err)
		}
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.NumTxQueues, attrs.NumRxQueues = h.name, mtu, queues, queues
	pair := netlink.NewVeth(attrs)
	pair.PeerName, pair.PeerMTU = farName, uint32(mtu)
	pair.PeerNumTxQueues, pair.PeerNumRxQueues = uint32(queues), uint32(queues)
	if err := netlink.LinkAdd(pair); err != nil {
		return nil, fmt.Errorf("make the interfaces that packets are given back through: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	for _, name := range []string{h.name, farName} {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return h, fmt.Errorf("interface %s: %w", name, err)
		}
		if name == h.name {
			h.near = l.Attrs().Index
		} else {
			h.far = l.Attrs().Index
		}
		// Nobody lives there: no addresses, no neighbour discovery.
		off := fmt.Sprintf("/proc/sys/net/ipv6/conf/%s/disable_ipv6", name)
		if err := os.WriteFile(off, []byte("1"), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
			return h, fmt.Errorf("switch IPv6 off on %s: %w", name, err)
		}
		if err := errors.Join(netlink.LinkSetAlias(l, alias), netlink.LinkSetUp(l)); err != nil {
			return h, fmt.Errorf("interface %s: %w", name, err)
		}
	}
	h.program, err = bpf.NewHandback(h.far, ifindex, mark)
	return h, err
}

// close removes the pair. The thread must be in the same namespace.
func (h *handback) close() error {
	var errs []error
	if h.program != nil {
		errs = append(errs, h.program.Close())
	}
	l, err := netlink.LinkByName(h.name)
	if err == nil {
		err = netlink.LinkDel(l)
	}
	var gone netlink.LinkNotFoundError
	if err != nil && !errors.As(err, &gone) {
		errs = append(errs, fmt.Errorf("remove interface %s: %w", h.name, err))
	}
	return errors.Join(errs...)
}

// sweep removes pairs that a crash has left in the calling thread's network namespace.
func sweep() error {
	links, err := whole(netlink.LinkList)
	if err != nil {
		return fmt.Errorf("interfaces: %w", err)
	}
	var errs []error
	for _, l := range links {
		name := l.Attrs().Name
		if l.Attrs().Alias == alias && l.Type() == "veth" && strings.HasPrefix(name, "rmpt") && strings.HasSuffix(name, "n") {
			if err := netlink.LinkDel(l); err != nil {
				errs = append(errs, fmt.Errorf("remove interface %s left by an earlier process: %w", name, err))
			}
		}
	}
	return errors.Join(errs...)
}
