package nft_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"rampart/nft"
)

const descriptorsEnv = "RAMPART_TEST_DESCRIPTORS"

// A process that was started with very many files open is told so when the backend is made. What is opened later is no
// matter: the connection is there already.
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
	ns := hosts(t, 1)[0]
	early := backend(t, ns, nft.Config{})
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
	if late, err := nft.New(nft.Config{NetNS: ns.FD()}); err == nil || !strings.Contains(err.Error(), "too many files open") {
		t.Errorf("a backend %v, error %v", late, err)
	}
	if _, err := early.Apply(t.Context(), programOf(t, estateYAML(10, 10))); err != nil {
		t.Error(err)
	}
	if _, err := early.Counters(t.Context()); err != nil {
		t.Error(err)
	}
	if err := early.Clear(t.Context()); err != nil {
		t.Error(err)
	}
}
