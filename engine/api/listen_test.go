package api

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

func TestListenReplacesStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "s")
	l, err := Listen(path, Access{})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // as when the daemon is killed
	l.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatalf("the stale socket should still be there: %v", err)
	}
	if l, err = Listen(path, Access{}); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	l.Close()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a closed listener leaves its socket: %v", err)
	}
}

func TestListenLeavesOthersAlone(t *testing.T) {
	dir := t.TempDir()
	live := filepath.Join(dir, "live")
	l, err := Listen(live, Access{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Listen(live, Access{}); !errors.Is(err, ErrInUse) {
		t.Errorf("second daemon: %v, want %v", err, ErrInUse)
	}
	if c, err := net.Dial("unix", live); err != nil {
		t.Errorf("the first daemon's socket is gone: %v", err)
	} else {
		c.Close()
	}

	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file, Access{}); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("file in the way: %v", err)
	}
	if b, _ := os.ReadFile(file); string(b) != "precious" {
		t.Errorf("the file in the way was touched: %q", b)
	}

	if _, err := Listen(filepath.Join(dir, strings.Repeat("x", 108)), Access{}); err == nil || !strings.Contains(err.Error(), "longer than 107 bytes") {
		t.Errorf("long path: %v", err)
	}
}

func TestSocketMode(t *testing.T) {
	for _, tt := range []struct {
		access Access
		want   fs.FileMode
	}{
		{Access{}, 0o660},
		{Access{GIDs: []uint32{uint32(os.Getegid())}}, 0o660},
		{Access{UIDs: []uint32{1000}}, 0o666},
	} {
		path := filepath.Join(t.TempDir(), "s")
		l, err := Listen(path, tt.access)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != tt.want {
			t.Errorf("%+v: mode %v, %v, want %v", tt.access, info.Mode(), err, tt.want)
		}
		l.Close()
	}
}

func TestNoDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	_, err := NewClient(path).Status(t.Context(), false)
	if !errors.Is(err, ErrNoDaemon) || !strings.Contains(err.Error(), path) {
		t.Errorf("no socket: %v", err)
	}
	l, err := Listen(path, Access{})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := NewClient(path).Status(t.Context(), false); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("stale socket: %v", err)
	}
}

// TestConnectionsAreBounded has two clients and one slot: the second is accepted only after the first has ended.
func TestConnectionsAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	unbounded, err := Listen(path, Access{})
	if err != nil {
		t.Fatal(err)
	}
	l := newLimitListener(unbounded, 1, func(net.Conn) bool { return true })
	for range 2 {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	var ended atomic.Bool
	second := make(chan error)
	go func() {
		c, err := l.Accept()
		if err == nil {
			c.Close()
		}
		if !ended.Load() {
			err = errors.New("accepted while the first connection was open")
		}
		second <- err
	}()
	runtime.Gosched()
	ended.Store(true)
	first.Close()
	first.Close() // gives the slot back once, not twice
	if err := <-second; err != nil {
		t.Errorf("second connection: %v", err)
	}
	if n := len(l.slots); n != 0 {
		t.Errorf("%d slots are taken with no connection open", n)
	}
	l.slots <- struct{}{}
	go l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept on a closed listener: %v", err)
	}
}

// TestStrangersTakeNoSlot fills the room for peers that may not use the API: those after them are turned away, and one that may
// is accepted.
func TestStrangersTakeNoSlot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	unbounded, err := Listen(path, Access{})
	if err != nil {
		t.Fatal(err)
	}
	accepted := 0
	l := newLimitListener(unbounded, 1, func(net.Conn) bool { accepted++; return accepted > 2 })
	defer l.Close()
	var clients []net.Conn
	for range 3 {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		clients = append(clients, c)
	}
	for _, who := range []string{"a stranger", "a friend, past a second stranger"} {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(who, err)
		}
		defer c.Close()
	}
	if _, err := clients[1].Read(make([]byte, 1)); err == nil {
		t.Error("the second stranger is not turned away")
	}
	if accepted != 3 || len(l.slots) != 1 || len(l.foyer) != 1 {
		t.Errorf("%d accepted, %d slots and %d places of the foyer are taken", accepted, len(l.slots), len(l.foyer))
	}
}
