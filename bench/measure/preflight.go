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

// Claim makes this the only benchmark on the machine until release is called, and returns a directory for its files, empty now
// and gone afterwards, whatever a crash has left in it before.
func Claim() (dir string, release func(), err error) {
	home := os.TempDir()
	if os.Geteuid() == 0 {
		home = "/run" // nobody else can put something there first
	}
	path := filepath.Join(home, "rampart-bench.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return "", nil, ErrBusy
		}
		return "", nil, fmt.Errorf("lock %s: %w", path, err)
	}
	dir = filepath.Join(home, "rampart-bench")
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		_ = f.Close()
		return "", nil, err
	}
	return dir, func() {
		_ = os.RemoveAll(dir) // the next run will
		_ = f.Close()
	}, nil
}
