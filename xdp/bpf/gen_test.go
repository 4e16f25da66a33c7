package bpf

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// compiler is the clang that the committed objects are made with. Another one gives other code for the same source.
const compiler = "clang version 14."

// The committed objects and Go files are what go generate makes of the source today.
func TestObjectsAreCurrent(t *testing.T) {
	version, err := exec.Command("clang", "--version").Output()
	if err != nil {
		t.Skipf("no clang to compile fastpath.c with: %v", err)
	}
	if !strings.Contains(string(version), compiler) {
		line, _, _ := strings.Cut(string(version), "\n")
		t.Skipf("the objects are made with %s*, here is %s", compiler, line)
	}
	source, err := os.ReadFile("gen.go")
	if err != nil {
		t.Fatal(err)
	}
	_, command, ok := strings.Cut(string(source), "//go:generate ")
	if !ok {
		t.Fatal("gen.go has no go:generate line")
	}
	dir := t.TempDir()
	args := strings.Fields(strings.SplitN(command, "\n", 2)[0])
	for i, a := range args {
		if a == "-tags" { // any option of bpf2go, before its positional arguments
			args = append(args[:i:i], append([]string{"-output-dir", dir}, args[i:]...)...)
			break
		}
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "GOPACKAGE=bpf")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	made, err := filepath.Glob(filepath.Join(dir, "fastpath_*"))
	if err != nil || len(made) != 4 {
		t.Fatalf("%d files made (%v), want an object and a Go file for either byte order", len(made), err)
	}
	for _, path := range made {
		fresh, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		committed, err := os.ReadFile(filepath.Base(path))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(fresh, committed) {
			t.Errorf("%s is not what fastpath.c gives: run go generate ./xdp/bpf", filepath.Base(path))
		}
	}
}
