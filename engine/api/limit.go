package api

import (
	"net"
	"sync"
)

// limitListener accepts a bounded number of connections at a time. Unlike netutil's, its connections are still unix
// sockets, whose peer can be asked for. Peers that may not use the API get the answer that says so, but take no slot from
// those that may: where the socket's file is open to everybody, anybody could take them all.
type limitListener struct {
	*net.UnixListener
	allows func(net.Conn) bool
	// slots are taken by connections of peers that may use the API, foyer by those of others.
	slots, foyer chan struct{}
	done         chan struct{}
	once         sync.Once
}

func newLimitListener(l *net.UnixListener, n int, allows func(net.Conn) bool) *limitListener {
	return &limitListener{
		UnixListener: l, allows: allows, slots: make(chan struct{}, n), foyer: make(chan struct{}, max(1, n/8)), done: make(chan struct{}),
	}
}

// Accept waits for a connection, then for a slot. Where there is no room for others, they are turned away.
func (l *limitListener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if !l.allows(c) {
			select {
			case l.foyer <- struct{}{}:
				return &limitConn{UnixConn: c, release: sync.OnceFunc(func() { <-l.foyer })}, nil
			default:
				c.Close()
				continue
			}
		}
		select {
		case l.slots <- struct{}{}:
			return &limitConn{UnixConn: c, release: sync.OnceFunc(func() { <-l.slots })}, nil
		case <-l.done:
			c.Close()
			return nil, net.ErrClosed
		}
	}
}

// Close ends a waiting Accept.
func (l *limitListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.UnixListener.Close()
}

type limitConn struct {
	*net.UnixConn
	release func()
}

// Close gives the slot back.
func (c *limitConn) Close() error {
	defer c.release()
	return c.UnixConn.Close()
}
