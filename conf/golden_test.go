package conf

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

var update = flag.Bool("update", false, "write the golden files anew")

// TestDiagnostics loads the files of each archive as one directory and compares what is reported with the file "want" of
// the archive.
func TestDiagnostics(t *testing.T) {
	archives, err := filepath.Glob("testdata/check/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, archive := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(archive)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			for _, f := range a.Files {
				if f.Name != "want" {
					write(t, filepath.Join(dir, f.Name), f.Data)
				}
			}
			t.Chdir(dir)
			source := Files(".")
			bundle, diags := source.Load(context.Background())
			var got bytes.Buffer
			if err := WriteDiagnostics(&got, diags, nil, false); err != nil {
				t.Fatal(err)
			}
			if diags.HasErrors() != (bundle == nil) {
				t.Errorf("bundle %v beside diagnostics with errors %v", bundle, diags.HasErrors())
			}
			if bundle != nil {
				fmt.Fprintf(&got, "%d resources\n", len(bundle.Resources))
			}
			var again bytes.Buffer
			WriteDiagnostics(&again, diags, source.Sources(), false)
			if !strings.HasPrefix(got.String(), again.String()) {
				t.Errorf("with sources the output differs:\n%s", again.String())
			}
			golden(t, archive, a, "want", got.Bytes())
		})
	}
}

// TestConvert reads the file "in.*" of each archive and writes it in every format: each must be as the archive's file
// "want.*", and read back the same.
func TestConvert(t *testing.T) {
	archives, err := filepath.Glob("testdata/convert/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, archive := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(archive)
			if err != nil {
				t.Fatal(err)
			}
			in := a.Files[0]
			resources, diags := Decode(in.Name, in.Data)
			if diags.HasErrors() {
				t.Fatal(diags.Errs())
			}
			for _, format := range Formats() {
				var out bytes.Buffer
				if err := Encode(&out, format, resources); err != nil {
					t.Fatal(err)
				}
				back, diags := Decode("want."+format, out.Bytes())
				if diags.HasErrors() {
					t.Errorf("%s: %v", format, diags)
				}
				if d := difference(resources, back); d != "" {
					t.Errorf("%s reads back differently (-was +is):\n%s", format, d)
				}
				golden(t, archive, a, "want."+format, out.Bytes())
			}
		})
	}
}

// golden compares got with a file of an archive, or puts it there.
func golden(t *testing.T, path string, a *txtar.Archive, name string, got []byte) {
	t.Helper()
	for i := range a.Files {
		f := &a.Files[i]
		if f.Name != name {
			continue
		}
		if *update {
			f.Data = got
		} else if !bytes.Equal(f.Data, got) {
			t.Errorf("%s is\n%s\nwant\n%s", name, got, f.Data)
		}
		if *update {
			rewrite(t, path, a)
		}
		return
	}
	if !*update {
		t.Errorf("no %s in %s; it is\n%s", name, path, got)
		return
	}
	a.Files = append(a.Files, txtar.File{Name: name, Data: got})
	rewrite(t, path, a)
}

func rewrite(t *testing.T, path string, a *txtar.Archive) {
	t.Helper()
	abs := filepath.Join(packageDir, path)
	if err := os.WriteFile(abs, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

// packageDir is where the test started; tests change the directory.
var packageDir, _ = os.Getwd()

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
