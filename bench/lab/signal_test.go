package lab

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childVariable makes the test binary build a lab, start a process in it and wait for its end.
const childVariable = "RAMPART_LAB_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child()
		return
	}
	os.Exit(m.Run())
}

func child() {
	l, err := New()
	if err != nil {
		panic(err)
	}
	top, err := Build(l, Usual())
	if err != nil {
		panic(err)
	}
	p, err := top.Firewall.Start(exec.Command("sleep", "1000"))
	if err != nil {
		panic(err)
	}
	fmt.Println(l.prefix, p.Pid())
	select {}
}

// An interrupted process removes its lab and still dies of the signal; a killed one leaves a lab that the next Sweep
// removes. In both cases what ran inside is gone.
func TestEndOfProcess(t *testing.T) {
	if err := Require(); err != nil {
		t.Skip(err)
	}
	for _, tc := range []struct {
		signal syscall.Signal
		sweep  bool
	}{{syscall.SIGINT, false}, {syscall.SIGTERM, false}, {syscall.SIGKILL, true}} {
		t.Run(tc.signal.String(), func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childVariable+"=1")
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			prefix, pid, _ := strings.Cut(strings.TrimSpace(line), " ")
			if got := left(prefix); len(got) != 6 {
				t.Fatalf("the child made %d namespaces, want 6: %v", len(got), got)
			}
			if err := cmd.Process.Signal(tc.signal); err != nil {
				t.Fatal(err)
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != tc.signal {
				t.Errorf("the child ended with %v", err)
			}
			if tc.sweep {
				if len(left(prefix)) == 0 {
					t.Error("a killed process removed its lab, which no process can")
				}
				if err := Sweep(); err != nil {
					t.Error(err)
				}
			}
			if got := left(prefix); len(got) > 0 {
				t.Errorf("left over: %v", got)
			}
			for deadline := time.Now().Add(10 * time.Second); running(pid); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the process inside still runs")
				}
			}
		})
	}
}

// running tells whether the process lives; one that is dead and waits for its parent does not.
func running(pid string) bool {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(b), ") Z ")
}

func left(prefix string) []string {
	found, _ := filepath.Glob(filepath.Join(netnsDir, prefix+"*"))
	return found
}
