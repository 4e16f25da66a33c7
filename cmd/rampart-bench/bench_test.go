package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rampart/bench/lab"
	"rampart/bench/report"
)

// bench runs a command line in-process.
func bench(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(context.Background(), &env{args: args, stdin: strings.NewReader(""), stdout: &out, stderr: &err})
	return code, out.String(), err.String()
}

func TestUsageErrors(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"quick", "--ruels", "10"}, "unknown flag"},
		{[]string{"quick", "10"}, `unknown command "10"`},
		{[]string{"quick", "--rules", "ten"}, `"ten" is no number of rules`},
		{[]string{"quick", "--rules", "0"}, "0 rules"},
		{[]string{"quick", "--systems", "pf"}, `there is no system "pf"; the systems are nothing, stateful`},
		{[]string{"quick", "--sets", "acls"}, `set "acls"`},
		{[]string{"quick", "--match", "somewhere"}, `match "somewhere"`},
		{[]string{"quick", "--repeat", "0", "--families", "5"}, "family 5 is neither 4 nor 6\n0 repetitions"},
		{[]string{"quick", "--cpu", "99999"}, "CPU 99999"},
		{[]string{"flood", "--queues", "99999"}, "99999 queues"},
		{[]string{"flood", "--systems", "rampart"}, `"rampart-prednat", which ratios are to be to, is not measured`},
		{[]string{"quick", "--flood-rate", "1"}, "unknown flag"},
		{[]string{"compare", "one"}, "accepts 2 arg(s)"},
		{[]string{"hold"}, "7 arguments"},
	} {
		code, stdout, stderr := bench(t, tc.args...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, tc.want) {
			t.Errorf("%v: exit code %d, %q\n%s", tc.args, code, stdout, stderr)
		}
	}
}

func TestMissingFiles(t *testing.T) {
	for _, args := range [][]string{{"compare", "/nonexistent/a", "/nonexistent/b"}, {"quick", "--filters", "/nonexistent.gz"}} {
		if code, _, stderr := bench(t, args...); code != 1 || !strings.Contains(stderr, "no such file") {
			t.Errorf("%v: exit code %d\n%s", args, code, stderr)
		}
	}
}

func TestHelpNamesTheCommands(t *testing.T) {
	code, stdout, _ := bench(t, "--help")
	for _, want := range []string{"quick", "scale", "flood", "update", "memory", "classify", "compare", "Exit codes"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("help does not say %q (exit code %d)", want, code)
		}
	}
	if strings.Contains(stdout, "hold") {
		t.Error("help names the command that is not for people")
	}
}

func TestCount(t *testing.T) {
	for s, want := range map[string]int{"7": 7, "10k": 10_000, "1M": 1_000_000} {
		if n, err := count(s); err != nil || n != want {
			t.Errorf("%s is %d, %v", s, n, err)
		}
	}
	for _, s := range []string{"", "k", "1.5k", "1k5"} {
		if n, err := count(s); err == nil {
			t.Errorf("%q is %d", s, n)
		}
	}
}

// A small run writes every form of the report, and can be compared with itself.
func TestQuick(t *testing.T) {
	if err := lab.Require(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	var code int
	var stdout, stderr string
	for range 600 { // the tests of other packages run benchmarks too
		code, stdout, stderr = bench(t, "quick", "--rules", "5,50", "--systems", "rampart", "--repeat", "2", "--duration", "2ms", "--realtime=false", "-o", dir)
		if !strings.Contains(stderr, "another benchmark is running") {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if !strings.Contains(stdout, "Packet rate, acl, IPv4") || !strings.Contains(stdout, filepath.Join(dir, "report.html")) {
		t.Errorf("output:\n%s", stdout)
	}
	for _, name := range []string{"report.html", "report.json", "report.csv", "report.txt", "rate-acl-ipv4-mixed-zipf-60.svg", "rate-acl-ipv4-mixed-zipf-60.png"} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	code, stdout, stderr = bench(t, "compare", dir, filepath.Join(dir, "report.json"))
	if code != 0 || !strings.Contains(stdout, "within the spread") || strings.Contains(stdout, "worse") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

func TestWriteReportsFailure(t *testing.T) {
	var out bytes.Buffer
	d := &report.Document{Baseline: "nothing", Failures: []string{"something passed that must not"}}
	err := write(&env{stdout: &out}, d, "")
	if exit, ok := err.(*exitError); !ok || exit.code != 1 || !strings.Contains(out.String(), "something passed") {
		t.Errorf("%v\n%s", err, &out)
	}
}
