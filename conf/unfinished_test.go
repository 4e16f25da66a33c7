package conf

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// half opens a policy file for writing and writes the first of two documents.
func half(t *testing.T, file string) *os.File {
	t.Helper()
	f, err := os.Create(file)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	_, err = f.Write(append(tier("a"), "---\n"...))
	must(t, err)
	return f
}

// A file of which half is written may be valid, and must not be in force.
func TestHalfWrittenFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	write(t, file, append(append(tier("a"), "---\n"...), tier("b")...))
	w := watch(t, dir)
	w.expect("start", "a", "b")
	var f *os.File
	w.silence("half of it written", func() { f = half(t, file) })
	w.change("the rest", func() {
		_, err := f.Write(tier("c"))
		must(t, err)
		must(t, f.Close())
	})
	w.expect("the rest", "a", "c")
}

// The end of writing is noticed without a last write.
func TestWriterGoesAway(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	write(t, file, tier("b"))
	w := watch(t, dir)
	w.expect("start", "b")
	var f *os.File
	w.silence("a file being written", func() { f = half(t, file) })
	w.change("its end", func() { must(t, f.Close()) })
	w.expect("its end", "a")
}

// Who reads without watching waits for the writer.
func TestLoadWaitsForTheWriter(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.yaml")
	f := half(t, file)
	time.AfterFunc(100*time.Millisecond, func() {
		_, _ = f.Write(tier("b"))
		f.Close()
	})
	if b, diags := Files(file).Load(context.Background()); b == nil || len(b.Resources) != 2 {
		t.Errorf("%v, %v", b, diags)
	}
}

// A file that stays open is read once nobody has written to it for a while.
func TestFileStaysOpen(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.yaml")
	half(t, file)
	if b, diags := Files(file).Load(context.Background()); b == nil || len(b.Resources) != 1 {
		t.Errorf("%v, %v", b, diags)
	}
}
