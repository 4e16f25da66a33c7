package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
)

// Server answers on one address of a namespace until it is closed.
type Server struct {
	Addr netip.AddrPort

	close func() error
	wg    sync.WaitGroup
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// EchoTCP accepts connections and sends back what they send. Port 0 chooses one; an unspecified address answers on
// every address of that family.
func EchoTCP(n *Namespace, addr netip.AddrPort) (*Server, error) {
	var ln net.Listener
	err := n.Do(func() (err error) {
		ln, err = net.Listen(family("tcp", addr), addr.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen in namespace %s: %w", n.Name, err)
	}
	s := &Server{
		Addr:  netip.AddrPortFrom(addr.Addr(), uint16(ln.Addr().(*net.TCPAddr).Port)),
		close: ln.Close, conns: map[net.Conn]struct{}{},
	}
	s.wg.Add(1)
	go s.accept(ln)
	return s, nil
}

func (s *Server) accept(ln net.Listener) {
	defer s.wg.Done()
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = struct{}{}
		s.wg.Add(1)
		s.mu.Unlock()
		go func() {
			defer s.wg.Done()
			_, _ = io.Copy(c, c)
			_ = c.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		}()
	}
}

// EchoUDP sends every datagram back to where it came from.
func EchoUDP(n *Namespace, addr netip.AddrPort) (*Server, error) {
	var pc *net.UDPConn
	err := n.Do(func() (err error) {
		pc, err = net.ListenUDP(family("udp", addr), net.UDPAddrFromAddrPort(addr))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen in namespace %s: %w", n.Name, err)
	}
	s := &Server{
		Addr:  netip.AddrPortFrom(addr.Addr(), uint16(pc.LocalAddr().(*net.UDPAddr).Port)),
		close: pc.Close,
	}
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		buf := make([]byte, 65536)
		for {
			size, from, err := pc.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = pc.WriteToUDPAddrPort(buf[:size], from)
			}
		}
	}()
	return s, nil
}

// Close stops the server, ends its connections and waits for both.
func (s *Server) Close() error {
	err := s.close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

// Dial opens a TCP or UDP socket inside the namespace: network is "tcp" or "udp", src the zero AddrPort for any.
func (n *Namespace) Dial(ctx context.Context, network string, src, dst netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{}
	if src.IsValid() {
		if network == "udp" {
			d.LocalAddr = net.UDPAddrFromAddrPort(src)
		} else {
			d.LocalAddr = net.TCPAddrFromAddrPort(src)
		}
	}
	var c net.Conn
	err := n.Do(func() (err error) {
		c, err = d.DialContext(ctx, family(network, dst), dst.String())
		return err
	})
	return c, err
}

// Ask connects to an echo server with TCP or UDP, sends a word and waits for it to come back. The context bounds the
// whole; without an answer the error is a time-out, or what the network answered.
func Ask(ctx context.Context, n *Namespace, network string, dst netip.AddrPort) error {
	c, err := n.Dial(ctx, network, netip.AddrPort{}, dst)
	if err != nil {
		return err
	}
	defer c.Close()
	return Exchange(ctx, c)
}

// Exchange sends a word over a connection to an echo server and waits for it to come back.
func Exchange(ctx context.Context, c net.Conn) error {
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(deadline); err != nil {
			return err
		}
	}
	const word = "rampart?"
	if _, err := io.WriteString(c, word); err != nil {
		return err
	}
	buf := make([]byte, len(word))
	if _, err := io.ReadFull(c, buf); err != nil {
		return err
	}
	if string(buf) != word {
		return fmt.Errorf("sent %q, got back %q", word, buf)
	}
	return nil
}

// family pins a network to the address's family, so that the runtime never opens a socket for both.
func family(network string, addr netip.AddrPort) string {
	if addr.Addr().Is4() {
		return network + "4"
	}
	return network + "6"
}
