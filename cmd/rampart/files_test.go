package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// TestFileCommands runs the command lines in the file "script" of each archive beside its other files. The file "want" is
// what they print: standard output as it is, standard error behind "! ", and exit codes other than 0.
func TestFileCommands(t *testing.T) {
	archives, err := filepath.Glob("testdata/files/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	start, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, archive := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(archive)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			var script, want, stdin string
			for _, f := range a.Files {
				switch f.Name {
				case "script":
					script = string(f.Data)
				case "want":
					want = string(f.Data)
				case "stdin":
					stdin = string(f.Data)
				default:
					path := filepath.Join(dir, f.Name)
					if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(path, f.Data, 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			t.Chdir(dir)
			got := runScript(t, script, stdin)
			if *updateGolden {
				files := a.Files[:0]
				for _, f := range a.Files {
					if f.Name != "want" {
						files = append(files, f)
					}
				}
				a.Files = append(files, txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(filepath.Join(start, archive), txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Errorf("the script prints\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// runScript runs each line of a script: "cat FILE" prints a file, everything else is a rampart command.
func runScript(t *testing.T, script, stdin string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		fmt.Fprintf(&out, "$ %s\n", line)
		args := strings.Fields(line)
		if args[0] == "cat" {
			text, err := os.ReadFile(args[1])
			if err != nil {
				t.Fatal(err)
			}
			out.Write(text)
			continue
		}
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), &env{args: args[1:], stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr})
		out.Write(stdout.Bytes())
		for line := range strings.Lines(stderr.String()) {
			out.WriteString("! " + line)
		}
		if code != 0 {
			fmt.Fprintf(&out, "[exit %d]\n", code)
		}
	}
	return out.String()
}
