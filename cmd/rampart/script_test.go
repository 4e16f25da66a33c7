package main

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// TestMain makes this test binary the rampart command for scripts: they run it under its own name.
func TestMain(m *testing.M) {
	testscript.Main(leakCheck{m}, map[string]func(){"rampart": main})
}

// leakCheck fails the tests when they leave goroutines behind.
type leakCheck struct{ m *testing.M }

func (c leakCheck) Run() int {
	code := c.m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			os.Stderr.WriteString("goroutines are left: " + err.Error() + "\n")
			return 1
		}
	}
	return code
}

// TestScripts runs the command lines in testdata/script. Besides testscript's own commands a script may use
//
//	eventually REGEXP COMMAND [ARG...]   run a command again and again until its standard output matches
//
// and the conditions [root] and [netns]; a script that starts a daemon does so under "unshare --net", so that it has a
// network of its own, which ends with it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			// Sockets must have short names, and TMPDIR of a script is long.
			dir, err := os.MkdirTemp("", "rampart")
			if err != nil {
				return err
			}
			e.Defer(func() { os.RemoveAll(dir) })
			e.Setenv("RUN", dir)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "netns":
				return os.Geteuid() == 0 && exec.Command("unshare", "--net", "true").Run() == nil, nil
			}
			return false, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"eventually": eventually},
	})
}

func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually REGEXP COMMAND [ARG...]")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no match for %q: %v", args[0], err)
		}
	}
}
