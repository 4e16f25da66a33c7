package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"rampart/bench/lab"
)

// network is the sample's throwaway network: a host with three workloads and a client outside.
type network struct {
	top *lab.Topology
	// patience is how long to wait for an answer that should come: long, so that a busy machine does not fail the demo.
	patience time.Duration
}

// ports that the peers listen on, with TCP and UDP.
var ports = []uint16{6379, 8080}

func build(l *lab.Lab, patience time.Duration) (*network, error) {
	a, p := netip.MustParseAddr, netip.MustParsePrefix
	links := []lab.Link{{
		Peer: "outside", Interface: "eth0", Addrs: []netip.Addr{a("10.10.0.2"), a("fd10::2")},
		Gateway: []netip.Prefix{p("10.10.0.1/24"), p("fd10::1/64")},
	}}
	for i, name := range []string{"database", "frontend", "batch"} {
		links = append(links, lab.Link{Peer: name, Interface: "cali" + name, Addrs: []netip.Addr{
			a(fmt.Sprintf("10.65.0.%d", i+2)), a(fmt.Sprintf("fd65::%d", i+2)),
		}})
	}
	top, err := lab.Build(l, links)
	if err != nil {
		return nil, err
	}
	for _, peer := range top.Peers {
		for _, port := range ports {
			for _, any := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
				if _, err := lab.EchoTCP(peer.Namespace, netip.AddrPortFrom(any, port)); err != nil {
					return nil, err
				}
				if _, err := lab.EchoUDP(peer.Namespace, netip.AddrPortFrom(any, port)); err != nil {
					return nil, err
				}
			}
		}
	}
	return &network{top, patience}, nil
}

func (n *network) firewall() *lab.Namespace { return n.top.Firewall }

// namespace is where a name of an attempt lives: a peer, or the host itself.
func (n *network) namespace(name string) *lab.Namespace {
	if name == theHost {
		return n.top.Firewall
	}
	return n.top.Peer(name).Namespace
}

// try makes all attempts at once and returns what came of them.
func (n *network) try(ctx context.Context, all []attempt) ([]result, error) {
	results := make([]result, len(all))
	var wg sync.WaitGroup
	for i, a := range all {
		results[i].attempt = a
		for j, family := range families {
			wg.Go(func() { results[i].seen[j] = n.attempt(ctx, a, family) })
		}
	}
	wg.Wait()
	return results, ctx.Err()
}

// waitInVain is how long to wait for an answer that should not come: a denied packet is dropped in silence.
const waitInVain = time.Second

// What came of an attempt, when it was no surprise.
const (
	outcomeAllow = "answered"
	outcomeDeny  = "timed out"
)

func (n *network) attempt(ctx context.Context, a attempt, family int) string {
	wait := n.patience
	if !a.allowed {
		wait = waitInVain
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	from, to := n.namespace(a.from), n.top.Peer(a.to).Addr(family)
	var err error
	if a.protocol == "ping" {
		err = lab.Ping(ctx, from, to)
	} else {
		err = lab.Ask(ctx, from, a.protocol, netip.AddrPortFrom(to, a.port))
	}
	var timeout net.Error
	switch {
	case err == nil:
		return outcomeAllow
	case errors.Is(err, lab.ErrNoAnswer), errors.As(err, &timeout) && timeout.Timeout():
		return outcomeDeny
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	}
	return err.Error()
}
