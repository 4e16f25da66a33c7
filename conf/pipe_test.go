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
	for _, c := range []struct {
		what  string
		write func(*os.File) // nil: nobody opens the pipe
		want  string
	}{
		{"a writer", func(f *os.File) { f.Write(tier("a")) }, ""},
		{"a writer that writes nothing", func(*os.File) {}, "it is a pipe, and nothing came through it"},
		{"no writer", nil, "it is a pipe, and nothing came through it"},
	} {
		name := filepath.Join(t.TempDir(), "pipe.yaml")
		if err := unix.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
		s := Files(name)
		written := make(chan struct{})
		if c.write == nil {
			s.pipePatience = time.Millisecond
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
