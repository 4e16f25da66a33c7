package rig

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"rampart/model"
)

// Connections is what a run of TCP connections did.
type Connections struct {
	// Took has each connection's time from connect to close, in no particular order.
	Took []time.Duration
	// Failed counts connections that were not made.
	Failed int
	// Elapsed is for how long connections were begun, and InTime how many of them were done by then. The others, which had
	// to send something again, are in Took or Failed only.
	Elapsed time.Duration
	InTime  int
}

// PerSecond is the rate of connections made.
func (c *Connections) PerSecond() float64 { return float64(c.InTime) / c.Elapsed.Seconds() }

// connectTimeout bounds every wait for the other side: longer than a lost packet's first retransmission.
const connectTimeout = 3 * time.Second

// Connect makes TCP connections through the firewall for the given time, each of them connect, request, response, close,
// from the packet's source address and any port to its destination. Clients and servers are threads of this process, so
// many of each, the clients on the cores that have the queues of the firewall's interface; clients pause between two
// connections. What does not come to an end within connectTimeout has failed.
func (r *Rig) Connect(ctx context.Context, p model.Packet, d time.Duration, threads int, pause time.Duration) (c Connections, err error) {
	if err := r.address(p); err != nil {
		return c, err
	}
	before := r.attached
	if err := r.attach(nil); err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, r.attach(before)) }()
	listener, err := r.listen(p)
	if err != nil {
		return c, err
	}
	var servers sync.WaitGroup
	for range threads {
		servers.Go(func() {
			pinned(r.inside())
			serve(listener)
		})
	}
	var mu sync.Mutex
	var clients sync.WaitGroup
	c.Elapsed = d
	until := time.Now().Add(d)
	for i := range threads {
		clients.Go(func() {
			one, e := r.client(ctx, p, r.outside(i), until, pause)
			mu.Lock()
			defer mu.Unlock()
			c.Took, c.Failed, c.InTime = append(c.Took, one.Took...), c.Failed+one.Failed, c.InTime+one.InTime
			err = errors.Join(err, e)
		})
	}
	clients.Wait()
	// A shut listener wakes those who wait in accept.
	err = errors.Join(err, unix.Shutdown(listener, unix.SHUT_RDWR))
	servers.Wait()
	return c, errors.Join(err, unix.Close(listener))
}

// address gives generator and sink the packet's addresses, and the firewall the way back.
func (r *Rig) address(p model.Packet) error {
	near, far := in4, out4
	if p.Src.Is6() {
		near, far = in6, out6
	}
	outMAC, err1 := r.Firewall.MAC(Out)
	all := netip.PrefixFrom(p.Src, 0).Masked()
	one := func(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
	return errors.Join(err1,
		r.Generator.AddAddr(generatorInterface, one(p.Src)),
		r.Generator.AddNeighbour(generatorInterface, near.Addr(), r.inMAC),
		r.Generator.AddRoute(generatorInterface, all, near.Addr()),
		r.Firewall.AddNeighbour(In, p.Src, r.generatorMAC),
		r.Firewall.AddRoute(In, one(p.Src), netip.Addr{}),
		r.Sink.AddAddr(sinkInterface, one(p.Dst)),
		r.Sink.AddNeighbour(sinkInterface, far.Addr(), outMAC),
		r.Sink.AddRoute(sinkInterface, all, far.Addr()),
		r.Generator.Sysctl("net.ipv4.ip_local_port_range", "1024 65000"),
	)
}

func sockaddr(a netip.Addr, port uint16) (unix.Sockaddr, int) {
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4(), Port: int(port)}, unix.AF_INET
	}
	return &unix.SockaddrInet6{Addr: a.As16(), Port: int(port)}, unix.AF_INET6
}

func (r *Rig) listen(p model.Packet) (fd int, err error) {
	to, family := sockaddr(p.Dst, p.DstPort)
	err = r.Sink.Do(func() (err error) {
		if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1), bounded(fd), unix.Bind(fd, to), unix.Listen(fd, 1024))
	})
	if err != nil {
		return -1, fmt.Errorf("listen on %v port %d: %w", p.Dst, p.DstPort, err)
	}
	return fd, nil
}

// serve answers one byte on each connection, until the listener is shut. It does not wait for the client to close: that is a
// reset, which is sent once and may be lost. What the kernel has of the connection then ends when it sends its own end again.
func serve(listener int) {
	buf := make([]byte, 64)
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			// It waits for connectTimeout, as the listener does.
			var n int
			err := again(func() (err error) { n, err = unix.Read(fd, buf); return err })
			if err == nil && n > 0 {
				_, _ = unix.Write(fd, buf[:1]) // the client sees it or does not
			}
			_ = unix.Close(fd)
		case !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.ECONNABORTED):
			return
		}
	}
}

// client makes one connection after the other until it is time.
func (r *Rig) client(ctx context.Context, p model.Packet, cores unix.CPUSet, until time.Time, pause time.Duration) (c Connections, err error) {
	err = r.Generator.Do(func() error {
		pinned(cores)
		for time.Now().Before(until) && ctx.Err() == nil {
			start := time.Now()
			if err := converse(p); err != nil {
				if errors.Is(err, unix.EADDRNOTAVAIL) {
					return err
				}
				c.Failed++
				continue
			}
			end := time.Now()
			c.Took = append(c.Took, end.Sub(start))
			if !end.After(until) {
				c.InTime++
			}
			time.Sleep(pause)
		}
		return ctx.Err()
	})
	return c, err
}

// connect is a socket with a connection from the packet's source and any port to its destination. It ends with a reset, so
// that no port stays in TIME-WAIT. The thread must be in the generator's namespace.
func connect(p model.Packet) (fd int, err error) {
	from, family := sockaddr(p.Src, 0)
	to, _ := sockaddr(p.Dst, p.DstPort)
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, err
	}
	err = errors.Join(
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}), bounded(fd),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
		unix.Bind(fd, from), again(func() error { return unix.Connect(fd, to) }),
	)
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// bounded makes a socket wait no longer than connectTimeout, and those that a listener accepts.
func bounded(fd int) error {
	timeout := unix.NsecToTimeval(int64(connectTimeout))
	return errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
	)
}

// again calls until no signal interrupts, such as those of Go's scheduler: calls with a time limit are not restarted by the
// kernel. A connect that is called again goes on with the connection.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// converse is one connection: a request and a response.
func converse(p model.Packet) error {
	fd, err := connect(p)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	buf := []byte{'?'}
	if err := again(func() error { _, err := unix.Write(fd, buf); return err }); err != nil {
		return err
	}
	var n int
	err = again(func() (err error) { n, err = unix.Read(fd, buf); return err })
	if err == nil && n == 0 {
		err = unix.ECONNRESET
	}
	return err
}
