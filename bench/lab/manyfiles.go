package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

const childEnv = "RAMPART_TEST_CHILD"

// InChild runs the test of that name in a process of its own and reports how it fared there. In that process it returns
// false: the test goes on.
func InChild(t TB, name string) bool {
	t.Helper()
	if os.Getenv(childEnv) == name {
		return false
	}
	child := exec.Command(os.Args[0], "-test.run=^"+name+"$", "-test.v")
	child.Env = append(os.Environ(), childEnv+"="+name)
	out, err := child.CombinedOutput()
	switch text := string(out); {
	case err != nil:
		t.Fatal(fmt.Sprintf("%v: %s", err, text))
	case strings.Contains(text, "--- SKIP"):
		t.Skip(text)
	case !strings.Contains(text, "--- PASS: "+name):
		t.Fatal("the test did not run: " + text)
	}
	return true
}

// OpenManyFiles opens so many files that the next descriptor is beyond what select(2) can wait for, until the test ends. It
// raises the process's limit, so the test should be InChild.
func OpenManyFiles(t TB) {
	t.Helper()
	const many = unix.FD_SETSIZE + 76
	limit := unix.Rlimit{Cur: 2 * many, Max: 2 * many}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Skip(fmt.Errorf("so many files cannot be opened: %w", err))
	}
	var files []*os.File
	t.Cleanup(func() {
		var errs []error
		for _, f := range files {
			errs = append(errs, f.Close())
		}
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
	})
	for range many {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
}
