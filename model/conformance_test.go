package model

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// conformanceFile reads one of the optional files of test data: from $RAMPART_DATA, else from shared/data beside the
// repository. The test is skipped where there is none.
func conformanceFile(t *testing.T, name string, into any) {
	t.Helper()
	dir := os.Getenv("RAMPART_DATA")
	for up := "."; dir == ""; up = filepath.Join(up, "..") {
		if _, err := os.Stat(filepath.Join(up, "go.mod")); err == nil {
			dir = filepath.Join(up, "..", "shared", "data")
		} else if abs, _ := filepath.Abs(up); abs == "/" {
			t.Skip("no repository root above the test")
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "conformance", name))
	if err != nil {
		t.Skipf("no conformance data (set RAMPART_DATA): %v", err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}
