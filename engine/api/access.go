package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Access names the users and groups that may use the API besides root and the daemon's own user. A group counts
// whether it is the peer's primary or a supplementary one.
type Access struct {
	UIDs, GIDs []uint32
}

// Peer is who is at the other end of a connection, as the kernel recorded it when the connection was made.
type Peer struct {
	PID    int32
	UID    uint32
	Groups []uint32
}

// allows tells whether the peer may use the API.
func (a Access) allows(p Peer) bool {
	if p.UID == 0 || p.UID == uint32(os.Geteuid()) || slices.Contains(a.UIDs, p.UID) {
		return true
	}
	return slices.ContainsFunc(p.Groups, func(g uint32) bool { return slices.Contains(a.GIDs, g) })
}

// allowsPeer tells whether the peer of a connection is known and may use the API.
func (a Access) allowsPeer(c net.Conn) bool {
	p, err := PeerOf(c)
	return err == nil && a.allows(p)
}

// PeerOf reads the credentials of a unix socket's peer (unix(7), SO_PEERCRED and SO_PEERGROUPS).
func PeerOf(c net.Conn) (Peer, error) {
	uc, ok := c.(syscall.Conn)
	if !ok || c.RemoteAddr().Network() != "unix" {
		return Peer{}, fmt.Errorf("%T is not a unix socket", c)
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var p Peer
	var credErr error
	err = raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); credErr != nil {
			return
		}
		p = Peer{PID: cred.Pid, UID: cred.Uid, Groups: []uint32{cred.Gid}}
		var more []uint32
		more, credErr = peerGroups(int(fd))
		p.Groups = append(p.Groups, more...)
	})
	if err := errors.Join(err, credErr); err != nil {
		return Peer{}, fmt.Errorf("peer credentials: %w", err)
	}
	return p, nil
}

// peerGroups reads the supplementary groups, which SO_PEERCRED leaves out (Linux 4.13, SO_PEERGROUPS).
func peerGroups(fd int) ([]uint32, error) {
	buf := make([]uint32, 32)
	for {
		size := uint32(len(buf) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch errno {
		case 0:
			return buf[:size/4], nil
		case unix.ENOPROTOOPT:
			return nil, nil
		case unix.ERANGE:
			buf = make([]uint32, max(int(size/4), 2*len(buf)))
			continue
		}
		return nil, errno
	}
}

type peerKey struct{}

// connContext keeps the peer, or the reason why it is unknown, for the requests of a connection.
func connContext(ctx context.Context, c net.Conn) context.Context {
	p, err := PeerOf(c)
	if err != nil {
		return context.WithValue(ctx, peerKey{}, err)
	}
	return context.WithValue(ctx, peerKey{}, p)
}

// guard lets only those peers through that access allows; a peer without known credentials is refused.
func guard(access Access, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := r.Context().Value(peerKey{}).(Peer)
		if !ok || !access.allows(p) {
			w.Header().Set("Connection", "close")
			who := "a peer without credentials"
			if ok {
				who = fmt.Sprintf("user %d", p.UID)
			}
			writeError(w, http.StatusForbidden, fmt.Errorf("%s may not use this socket", who))
			return
		}
		next.ServeHTTP(w, r)
	})
}
