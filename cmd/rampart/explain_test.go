package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// TestExplain runs the command line of each case, one argument a line, and compares everything it prints.
func TestExplain(t *testing.T) {
	t.Chdir(filepath.Join("testdata", "explain"))
	cases, err := filepath.Glob("*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(path, ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			part := map[string]string{}
			for _, f := range a.Files {
				part[f.Name] = string(f.Data)
			}
			args := append([]string{"explain"}, strings.Split(strings.TrimSuffix(part["args"], "\n"), "\n")...)
			var stdout, stderr bytes.Buffer
			code := run(context.Background(), &env{args: args, stdin: strings.NewReader(part["stdin"]), stdout: &stdout, stderr: &stderr})
			got := map[string]string{"stdout": stdout.String(), "stderr": stderr.String(), "code": fmt.Sprintln(code)}
			if *updateGolden {
				a.Files = a.Files[:len(a.Files):len(a.Files)]
				kept := a.Files[:0]
				for _, f := range a.Files {
					if _, expected := got[f.Name]; !expected {
						kept = append(kept, f)
					}
				}
				a.Files = kept
				for _, name := range []string{"stdout", "stderr", "code"} {
					if got[name] != "" && got[name] != "0\n" {
						a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(got[name])})
					}
				}
				if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if part["code"] == "" {
				part["code"] = "0\n"
			}
			for name, text := range got {
				if d := cmp.Diff(part[name], text); d != "" {
					t.Errorf("%s (-want +got):\n%s", name, d)
				}
			}
		})
	}
}
