package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"rampart/conf"
	"rampart/xdp"
	"rampart/xdp/bpf"
)

// The configuration takes as many queues as the fast path does, and no more.
func TestQueues(t *testing.T) {
	for queues, want := range map[int]bool{0: true, bpf.MaxQueues: true, bpf.MaxQueues + 1: false} {
		file := filepath.Join(t.TempDir(), "rampart.hcl")
		text := fmt.Sprintf("sources { files = [\"policy.yaml\"] }\nfast_path { queues = %d }\n", queues)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, diags := conf.LoadDaemon(file)
		if diags.HasErrors() == want {
			t.Errorf("%d queues: %v", queues, diags)
		}
		b, err := xdp.New(xdp.Config{Queues: queues})
		if (err == nil) != want {
			t.Errorf("%d queues: %v", queues, err)
		}
		if err == nil {
			b.Close()
		}
	}
}
