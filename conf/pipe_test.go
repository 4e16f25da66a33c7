package conf

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPipes(t *testing.T) {
	first, last := tier("a")[:10], tier("a")[10:]
	for _, c := range []struct {
		what string
		// write is what the writer does before it closes the pipe; nil: nobody opens it.
		write    func(*os.File)
		patience time.Duration
		want     string
	}{
		{"a writer", func(f *os.File) { f.Write(tier("a")) }, pipePatience, ""},
		{"a slow writer", func(f *os.File) { f.Write(first); time.Sleep(100 * time.Millisecond); f.Write(last) }, pipePatience, ""},
		{"a writer that writes nothing", func(*os.File) {}, pipePatience, "it is a pipe, and nothing came through it."},
		{"no writer", nil, time.Millisecond, "it is a pipe, and nothing came through it for 1ms."},
		{"a writer that falls silent", func(f *os.File) { f.Write(first); time.Sleep(300 * time.Millisecond) }, 100 * time.Millisecond,
			"it is a pipe, and its writer has been silent for 100ms."},
	} {
		name := fifo(t)
		s := Files(name)
		s.pipePatience = c.patience
		written := make(chan struct{})
		if c.write == nil {
			close(written)
		} else {
			go func() {
				defer close(written)
				f, err := os.OpenFile(name, os.O_WRONLY, 0) // waits for the reader
				if err != nil {
					t.Error(err)
					return
				}
				c.write(f)
				f.Close()
			}()
		}
		bundle, diags := s.Load(context.Background())
		<-written
		switch {
		case c.want == "" && (bundle == nil || len(bundle.Resources) != 1):
			t.Errorf("%s: %v", c.what, diags)
		case c.want != "" && (bundle != nil || !strings.Contains(diags.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.what, diags, c.want)
		}
	}
}

// Who waits for a pipe can be told so, and told to stop.
func TestWaitForPipe(t *testing.T) {
	name := fifo(t)
	ctx, cancel := context.WithCancel(context.Background())
	waits := 0
	s := FilesWith(FileOptions{Waiting: func(file string) {
		if waits++; file != name {
			t.Errorf("waiting for %s", file)
		}
		cancel()
	}}, name)
	bundle, diags := s.Load(ctx)
	if bundle != nil || !strings.Contains(diags.Error(), context.Canceled.Error()) || waits != 1 {
		t.Errorf("%v after %d waits", diags, waits)
	}
}

func fifo(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pipe.yaml")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
