package engine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"rampart/engine/api"
)

// ErrSecondInstance means that another daemon enforces policy in this network namespace.
var ErrSecondInstance = errors.New("another rampart daemon is running")

// Claim makes sure that one daemon at most owns a backend's table. The claim is an abstract unix socket: its names are
// per network namespace, as tables are, and the kernel gives one up when its owner dies, however it dies. Close the
// result to give it up.
//
// Anybody may bind an abstract name, so a name held by another unprivileged user does not count: Claim then succeeds
// without a claim.
func Claim(table string) (io.Closer, error) {
	name := &net.UnixAddr{Name: "@rampart/" + table, Net: "unix"}
	l, err := net.ListenUnix("unix", name)
	if err == nil {
		return l, nil
	}
	if !errors.Is(err, unix.EADDRINUSE) {
		return nil, fmt.Errorf("claiming table %s: %w", table, err)
	}
	holder, err := holderOf(name)
	if err != nil {
		return nil, fmt.Errorf("%w: table %s", ErrSecondInstance, table)
	}
	if holder.UID != 0 && holder.UID != uint32(os.Geteuid()) {
		return io.NopCloser(nil), nil
	}
	return nil, fmt.Errorf("%w: process %d owns table %s in this network namespace", ErrSecondInstance, holder.PID, table)
}

// holderOf asks the kernel who listens on a name; the listener need not accept for that.
func holderOf(name *net.UnixAddr) (api.Peer, error) {
	c, err := net.DialTimeout("unix", name.Name, time.Second)
	if err != nil {
		return api.Peer{}, err
	}
	defer c.Close()
	return api.PeerOf(c)
}
