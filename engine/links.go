package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"

	"rampart/engine/compile"
)

// Links tells which interfaces the host has and which addresses they hold.
type Links interface {
	Interfaces() ([]compile.Interface, error)
	// Watch calls changed whenever Interfaces might answer something else, until ctx is done or it can watch no longer.
	Watch(ctx context.Context, changed func()) error
}

// KernelLinks are the interfaces of the network namespace the process runs in.
type KernelLinks struct{}

var _ Links = KernelLinks{}

// Interfaces lists the interfaces that have addresses.
func (KernelLinks) Interfaces() ([]compile.Interface, error) {
	links, err := whole(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("listing interfaces: %w", err)
	}
	addrs, err := whole(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("listing addresses: %w", err)
	}
	byIndex := map[int][]netip.Addr{}
	for _, a := range addrs {
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			byIndex[a.LinkIndex] = append(byIndex[a.LinkIndex], ip.Unmap())
		}
	}
	var out []compile.Interface
	for _, l := range links {
		if a := byIndex[l.Attrs().Index]; len(a) > 0 {
			out = append(out, compile.Interface{Name: l.Attrs().Name, Addrs: a})
		}
	}
	return out, nil
}

// whole lists things of the kernel again when they changed meanwhile (NLM_F_DUMP_INTR): interfaces of containers come and go.
func whole[T any](list func() ([]T, error)) (all []T, err error) {
	for range 100 {
		if all, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return all, err
}

// Watch subscribes to changes of links (RTNLGRP_LINK) and addresses (RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR).
func (KernelLinks) Watch(ctx context.Context, changed func()) error {
	done := make(chan struct{})
	links, addrs := make(chan netlink.LinkUpdate), make(chan netlink.AddrUpdate)
	if err := netlink.LinkSubscribe(links, done); err != nil {
		close(done)
		return fmt.Errorf("watching interfaces: %w", err)
	}
	if err := netlink.AddrSubscribe(addrs, done); err != nil {
		close(done)
		drain(links)
		return fmt.Errorf("watching addresses: %w", err)
	}
	defer func() { // both goroutines of the library end by closing their channel
		close(done)
		drain(links)
		drain(addrs)
	}()
	changed() // what happened before the subscription
	for {
		select {
		case _, ok := <-links:
			if !ok {
				return errors.New("watching interfaces: subscription ended")
			}
		case _, ok := <-addrs:
			if !ok {
				return errors.New("watching addresses: subscription ended")
			}
		case <-ctx.Done():
			return nil
		}
		changed()
	}
}

func drain[T any](c <-chan T) {
	for range c {
	}
}
