package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// ErrNoAnswer says that nothing came back in time.
var ErrNoAnswer = errors.New("no answer")

// Ping sends one echo request (ICMP or ICMPv6, as the address says) and waits for its reply until the context ends,
// or for five seconds when it has no end. Without a reply the error is ErrNoAnswer.
func Ping(ctx context.Context, n *Namespace, dst netip.Addr) error {
	var conn net.PacketConn
	network, proto, request, reply := "ip4:icmp", 1, icmp.Type(ipv4.ICMPTypeEcho), icmp.Type(ipv4.ICMPTypeEchoReply)
	if dst.Is6() {
		network, proto, request, reply = "ip6:ipv6-icmp", 58, ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply
	}
	err := n.Do(func() (err error) {
		conn, err = net.ListenPacket(network, "")
		return err
	})
	if err != nil {
		return fmt.Errorf("ping from %s: %w", n.Name, err)
	}
	defer conn.Close()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(5 * time.Second)
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	id := 1 + rand.IntN(65535)
	msg := icmp.Message{Type: request, Body: &icmp.Echo{ID: id, Seq: 1, Data: []byte("rampart?")}}
	raw, err := msg.Marshal(nil) // the kernel fills in the ICMPv6 checksum
	if err != nil {
		return err
	}
	if _, err := conn.WriteTo(raw, &net.IPAddr{IP: net.IP(dst.AsSlice())}); err != nil {
		return fmt.Errorf("ping from %s: %w", n.Name, err)
	}
	buf := make([]byte, 1500)
	for {
		size, from, err := conn.ReadFrom(buf)
		if err != nil {
			return fmt.Errorf("ping %s from %s: %w", dst, n.Name, ErrNoAnswer)
		}
		got, err := icmp.ParseMessage(proto, buf[:size])
		if err != nil || got.Type != reply {
			continue
		}
		if echo, ok := got.Body.(*icmp.Echo); ok && echo.ID == id && from.String() == dst.String() {
			return nil
		}
	}
}
