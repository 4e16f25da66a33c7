package api

import (
	"net"
	"sync"
)

// limitListener accepts a bounded number of connections at a time. Unlike netutil's, its connections are still unix
// sockets, whose peer can be asked for.
type limitListener struct {
	*net.UnixListener
	slots chan struct{}
	done  chan struct{}
	once  sync.Once
}

func newLimitListener(l *net.UnixListener, n int) *limitListener {
	return &limitListener{UnixListener: l, slots: make(chan struct{}, n), done: make(chan struct{})}
}

// Accept waits for a free slot, then for a connection.
func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.AcceptUnix()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitConn{UnixConn: c, release: sync.OnceFunc(func() { <-l.slots })}, nil
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
