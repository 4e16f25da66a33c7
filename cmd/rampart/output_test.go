package main

import (
	"context"
	"os"
	"strings"
	"testing"
)

// What cannot be printed is a failure, whoever prints it.
func TestFullDiskFailsEveryCommand(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full:", err)
	}
	defer full.Close()
	const policy = "testdata/explain/world.yaml"
	for _, line := range []string{
		"--help", "help", "help check", "check --help", "version", "completion bash", "completion zsh", "completion fish", "completion powershell",
		"selector has(a)", "selector has(a) --labels a=b", "selector has(a) -o json", "check -f " + policy, "check -f " + policy + " -o json",
		"convert -f " + policy + " -o hcl", "get all -A -f " + policy, "get all -A -o name -f " + policy, "get all -A -o yaml -f " + policy,
		"fmt " + policy, "render -f " + policy,
	} {
		var stderr strings.Builder
		code := run(context.Background(), &env{args: strings.Fields(line), stdin: strings.NewReader(""), stdout: full, stderr: &stderr})
		if code != 1 || !strings.Contains(stderr.String(), "no space left on device") {
			t.Errorf("rampart %s: exit code %d, %s", line, code, stderr.String())
		}
	}
}
