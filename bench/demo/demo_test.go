package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rampart/bench/lab"
)

// build builds rampart for a test.
func buildRampart(t *testing.T) string {
	t.Helper()
	if err := lab.Require(); err != nil {
		t.Skip(err)
	}
	binary := filepath.Join(t.TempDir(), "rampart")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "rampart/cmd/rampart").CombinedOutput(); err != nil {
		t.Fatalf("build rampart: %v\n%s", err, out)
	}
	return binary
}

// The sample policy, on real packets, from HCL and from YAML.
func TestDemo(t *testing.T) {
	binary := buildRampart(t)
	var stdout, stderr strings.Builder
	if code := run(context.Background(), []string{"-rampart", binary, "-examples", "../../examples"}, &stdout, &stderr); code != 0 {
		t.Errorf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	if got := strings.Count(stdout.String(), "\nok "); got != 2*len(attempts()) {
		t.Errorf("%d lines are ok, want %d\n%s", got, 2*len(attempts()), stdout.String())
	}
}

// A daemon that enforces another policy than the specification's sample is found out.
func TestDemoFindsDifferences(t *testing.T) {
	binary := buildRampart(t)
	dir := t.TempDir()
	for _, format := range []string{"hcl", "yaml"} {
		if err := os.MkdirAll(filepath.Join(dir, "sample", format), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"policy", "endpoints"} {
			file := filepath.Join("sample", format, name+"."+format)
			b, err := os.ReadFile(filepath.Join("../../examples", file))
			if err != nil {
				t.Fatal(err)
			}
			wrong := strings.ReplaceAll(string(b), "6379]", "6380]")
			wrong = strings.ReplaceAll(wrong, "- 6379", "- 6380")
			if err := os.WriteFile(filepath.Join(dir, file), []byte(wrong), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	var stdout, stderr strings.Builder
	if code := run(context.Background(), []string{"-rampart", binary, "-examples", dir, "-patience", "2s"}, &stdout, &stderr); code != 1 {
		t.Errorf("exit code %d, want 1\n%s%s", code, stdout.String(), stderr.String())
	}
	if !strings.Contains(stdout.String(), "WRONG  frontend  database  tcp 6379  allow        timed out  timed out") {
		t.Errorf("the difference is not shown:\n%s", stdout.String())
	}
}
