package measure

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"rampart/bench/lab"
	"rampart/bench/pktgen"
)

// ErrBusy says that another benchmark runs.
var ErrBusy = errors.New("another benchmark is running on this machine; its packets would be in the figures")

// Preflight says what keeps this process from measuring.
func Preflight() error {
	if err := lab.Require(); err != nil {
		return err
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		return fmt.Errorf("the kernel refuses memory for BPF: %w", err)
	}
	s, err := pktgen.NewSink()
	if err != nil {
		return fmt.Errorf("packets are generated with BPF (Linux 5.18 or later, CAP_BPF): %w", err)
	}
	return s.Close()
}

// Claim makes this the only benchmark on the machine until release is called.
func Claim() (release func(), err error) {
	path := filepath.Join(os.TempDir(), "rampart-bench.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrBusy
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}
