package xdp_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"rampart/xdp"
)

const descriptorsEnv = "RAMPART_TEST_DESCRIPTORS"

// A daemon with many files and sockets open looks around all the same. The library for nftables uses select(2), which ends at
// 1024 descriptors.
func TestManyDescriptors(t *testing.T) {
	if os.Getenv(descriptorsEnv) == "" {
		child := exec.Command(os.Args[0], "-test.run=^TestManyDescriptors$", "-test.v")
		child.Env = append(os.Environ(), descriptorsEnv+"=1")
		out, err := child.CombinedOutput()
		switch text := string(out); {
		case err != nil:
			t.Fatalf("%v: %s", err, text)
		case strings.Contains(text, "--- SKIP"):
			t.Skip(text)
		}
		return
	}
	r := newRig(t, xdp.Config{})
	const many = 1100
	limit := unix.Rlimit{Cur: 2 * many, Max: 2 * many}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Skip("so many files cannot be opened: ", err)
	}
	for range many {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	r.apply(hostPolicy(allowTCP))
	if s, err := r.fast.Status(); err != nil || len(s) != 1 || s[0].Mode == "" {
		t.Errorf("the fast path is not there: %v, %v", s, err)
	}
}
