package lab

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrNotPermitted says that this process may not make network namespaces.
var ErrNotPermitted = errors.New("network namespaces need root")

// Require tells whether labs can be built here; the error is a reason fit for skipping a test.
func Require() error {
	if os.Geteuid() != 0 {
		return ErrNotPermitted
	}
	if _, err := os.Stat("/proc/self/ns/net"); err != nil {
		return fmt.Errorf("the kernel has no network namespaces: %w", err)
	}
	return nil
}

// labs counts the labs of this process, so that each has names of its own.
var labs atomic.Uint32

// Lab owns a group of network namespaces.
type Lab struct {
	prefix string
	signal chan os.Signal

	mu     sync.Mutex
	spaces []*Namespace
	closed bool
}

// New starts an empty lab, after removing what crashed processes left behind. An interrupt or a termination signal
// closes the lab and then ends the process as it would have without a lab.
func New() (*Lab, error) {
	if err := Require(); err != nil {
		return nil, err
	}
	if err := Sweep(); err != nil {
		return nil, err
	}
	l := &Lab{
		prefix: fmt.Sprintf("%s%s.%d.", namePrefix, self(), labs.Add(1)),
		signal: make(chan os.Signal, 1),
	}
	signal.Notify(l.signal, os.Interrupt, syscall.SIGTERM)
	go l.closeOnSignal()
	return l, nil
}

func (l *Lab) closeOnSignal() {
	sig, ok := <-l.signal
	if !ok {
		return
	}
	_ = l.Close()
	if s, ok := sig.(syscall.Signal); ok {
		_ = unix.Kill(os.Getpid(), s)
	}
}

// Close ends the processes that run in the lab's namespaces and removes the namespaces. It may be called twice.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	signal.Stop(l.signal)
	close(l.signal)
	var errs []error
	for _, n := range l.spaces {
		errs = append(errs, n.remove())
	}
	return errors.Join(errs...)
}
