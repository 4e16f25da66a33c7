package api

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultSocket is where the daemon listens and the command line connects unless told otherwise.
const DefaultSocket = "/run/rampart/rampart.sock"

// ErrInUse means that another daemon answers on the socket.
var ErrInUse = errors.New("socket is in use by a running daemon")

// maxSocketPath is the longest path that fits into sockaddr_un with its final zero (unix(7)).
const maxSocketPath = 107

// Listen opens the API's socket. A socket file that nobody listens on is removed first; one that a daemon answers on
// is left alone and the error is ErrInUse. The file's mode is 0660 and its group the first of access.GIDs; when access
// names more than that, the mode is 0666 and the peer's credentials alone decide.
func Listen(path string, access Access) (*net.UnixListener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("socket %s: path is longer than %d bytes", path, maxSocketPath)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := setMode(path, access); err != nil {
		l.Close()
		return nil, fmt.Errorf("socket: %w", err)
	}
	return l, nil
}

// removeStale removes a socket file whose daemon is gone, and nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("socket %s: a file that is not a socket is in the way", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		defer c.Close()
		if p, err := PeerOf(c); err == nil {
			return fmt.Errorf("%w: %s, process %d", ErrInUse, path, p.PID)
		}
		return fmt.Errorf("%w: %s", ErrInUse, path)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("socket: %w", err)
	}
	return nil
}

func setMode(path string, access Access) error {
	mode := fs.FileMode(0o660)
	if len(access.UIDs) > 0 || len(access.GIDs) > 1 {
		mode = 0o666
	}
	if len(access.GIDs) > 0 {
		if err := os.Chown(path, -1, int(access.GIDs[0])); err != nil {
			return err
		}
	}
	return os.Chmod(path, mode)
}
