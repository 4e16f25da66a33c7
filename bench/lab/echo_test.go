package lab

import (
	"context"
	"net/netip"
	"testing"
	"time"
)

// Real sockets speak through the firewall in both families, and a closed port refuses.
func TestEcho(t *testing.T) {
	top := newTopology(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	client, db := top.Peer("client"), top.Peer("db")
	for _, family := range []int{4, 6} {
		at := netip.AddrPortFrom(db.Addr(family), 6379)
		tcp, err := EchoTCP(db.Namespace, at)
		if err != nil {
			t.Fatal(err)
		}
		udp, err := EchoUDP(db.Namespace, at)
		if err != nil {
			t.Fatal(err)
		}
		for _, network := range []string{"tcp", "udp"} {
			if err := Ask(ctx, client.Namespace, network, at); err != nil {
				t.Errorf("%s to %s: %v", network, at, err)
			}
		}
		if err := tcp.Close(); err != nil {
			t.Error(err)
		}
		if err := udp.Close(); err != nil {
			t.Error(err)
		}
		for _, network := range []string{"tcp", "udp"} {
			if err := Ask(ctx, client.Namespace, network, at); err == nil {
				t.Errorf("%s to %s: a closed server answered", network, at)
			}
		}
	}
}

// Closing a server ends the connections it has.
func TestServerCloseEndsConnections(t *testing.T) {
	top := newTopology(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	db := top.Peer("db")
	s, err := EchoTCP(db.Namespace, netip.AddrPortFrom(db.Addr(4), 0))
	if err != nil {
		t.Fatal(err)
	}
	c, err := top.Peer("web").Dial(ctx, "tcp", netip.AddrPort{}, s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := Exchange(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := Exchange(ctx, c); err == nil {
		t.Error("the connection outlived its server")
	}
}
