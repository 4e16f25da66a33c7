package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"rampart/model"
)

// EtherTypes: every one (if_ether.h), and a local experimental one for frames that no IP firewall looks at.
const (
	ethAll     = unix.ETH_P_ALL
	ethBarrier = 0x88b5
)

// receiveBuffer holds what a round of probes delivers to one socket, with room to spare.
const receiveBuffer = 8 << 20

// rawSocket is a non-blocking socket below or beside the transport protocols.
type rawSocket struct {
	fd int
	// place names the namespace the socket listens in.
	place string
	// wire sockets deliver Ethernet frames. The others are IP sockets: of one protocol, and IPv4 delivers the IP
	// header while IPv6 does not.
	wire  bool
	proto uint8
	v6    bool
	// seen is the last barrier that came.
	seen uint64
}

// packetSocket opens a socket on an interface that sees arriving frames of one EtherType, or of all.
func packetSocket(n *Namespace, iface string, ethertype uint16) (*rawSocket, error) {
	link, err := n.Links().LinkByName(iface)
	if err != nil {
		return nil, fmt.Errorf("interface %s/%s: %w", n.Name, iface, err)
	}
	s := &rawSocket{fd: -1, place: n.Name, wire: true}
	err = n.Do(func() (err error) {
		s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		return s.bindPacket(link, ethertype)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("packet socket on %s/%s: %w", n.Name, iface, err), s.close())
	}
	return s, nil
}

func (s *rawSocket) bindPacket(link netlink.Link, ethertype uint16) error {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return err
	}
	return unix.Bind(s.fd, &unix.SockaddrLinklayer{Protocol: htons(ethertype), Ifindex: link.Attrs().Index})
}

// listenIP opens a socket that receives what the namespace accepts for itself of one protocol.
func listenIP(n *Namespace, proto uint8, v6 bool) (*rawSocket, error) {
	s := &rawSocket{fd: -1, place: n.Name, proto: proto, v6: v6}
	domain := unix.AF_INET
	if v6 {
		domain = unix.AF_INET6
	}
	err := n.Do(func() (err error) {
		s.fd, err = unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(proto))
		if err != nil {
			return err
		}
		return unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("raw socket for protocol %d in %s: %w", proto, n.Name, err), s.close())
	}
	return s, nil
}

// sendIP opens a socket that sends whole IP packets from the namespace itself, through its output path.
func sendIP(n *Namespace, v6 bool) (*rawSocket, error) {
	s := &rawSocket{fd: -1, place: n.Name, v6: v6}
	domain := unix.AF_INET
	if v6 {
		domain = unix.AF_INET6
	}
	err := n.Do(func() (err error) {
		// IPPROTO_RAW means that the header is ours (raw(7)).
		s.fd, err = unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("raw socket in %s: %w", n.Name, err), s.close())
	}
	return s, nil
}

// sendTo sends an IP packet by way of the namespace's routes. A packet that the firewall drops on its way out is sent
// too: the kernel's EPERM for it is no error here.
func (s *rawSocket) sendTo(dst netip.Addr, packet []byte) error {
	var to unix.Sockaddr
	if s.v6 {
		to = &unix.SockaddrInet6{Addr: dst.As16()}
	} else {
		to = &unix.SockaddrInet4{Addr: dst.As4()}
	}
	err := unix.Sendto(s.fd, packet, 0, to)
	if errors.Is(err, unix.EPERM) {
		return nil
	}
	return err
}

// write sends an Ethernet frame.
func (s *rawSocket) write(frame []byte) error {
	_, err := unix.Write(s.fd, frame)
	return err
}

// receive reads what has arrived and hands each message to fn, until there is nothing more.
func (s *rawSocket) receive(buf []byte, fn func(message []byte, from netip.Addr)) error {
	for {
		size, from, err := unix.Recvfrom(s.fd, buf, 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN):
			continue
		case err != nil:
			return err
		}
		var addr netip.Addr
		if a, ok := from.(*unix.SockaddrInet6); ok {
			addr = netip.AddrFrom16(a.Addr)
		}
		fn(buf[:size], addr)
	}
}

// barrier tells whether a received message is a barrier frame.
func (s *rawSocket) barrier(message []byte) bool {
	return s.wire && len(message) > 14 && binary.BigEndian.Uint16(message[12:]) == ethBarrier
}

// packet reads what policy would see of a received message; for IPv6 sockets only what the kernel delivers: the
// source, the protocol and the ICMP type.
func (s *rawSocket) packet(message []byte, from netip.Addr) (model.Packet, bool) {
	switch {
	case s.wire:
		if len(message) < 14 {
			return model.Packet{}, false
		}
		return Parse(message[14:])
	case s.v6:
		p := model.Packet{Src: from, Dst: netip.IPv6Unspecified(), Protocol: s.proto}
		return p, parseTransport(&p, message)
	}
	return Parse(message)
}

func (s *rawSocket) close() error {
	if s == nil || s.fd < 0 {
		return nil
	}
	fd := s.fd
	s.fd = -1
	return unix.Close(fd)
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }
