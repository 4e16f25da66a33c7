package conf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errNoWriter says that nothing came through a pipe. That is no empty file, which would mean that there is no policy.
var errNoWriter = errors.New("it is a pipe, and nothing came through it")

// pipePatience is how long a pipe may be silent, before its first byte or its last, before it is given up. Without a limit
// nothing would end the reading of one that stands in the place of a file by mistake: opening it waits for a writer.
const pipePatience = 30 * time.Second

// readOnce reads the standard input, or what is not a regular file.
func (s *FileSource) readOnce(ctx context.Context, name string) ([]byte, error) {
	if name == "-" {
		return readLimited(s.opts.Stdin)
	}
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		src, rerr := readLimited(f)
		return src, errors.Join(err, rerr)
	}
	p := pipe{f: f, ctx: ctx, patience: s.pipePatience, waiting: func() {
		if s.opts.Waiting != nil {
			s.opts.Waiting(name)
		}
	}}
	src, err := readLimited(&p)
	if err == nil && len(src) == 0 {
		err = errNoWriter
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return src, nil
}

// pipe reads a pipe that was opened without waiting for its writer, and waits now, but neither for ever nor beyond the end
// of the context.
type pipe struct {
	f        *os.File
	ctx      context.Context
	patience time.Duration
	// waiting is called once, when the pipe has been silent for a while.
	waiting func()
	told    bool
	begun   bool
}

// silence is how long a pipe is silent before somebody is told.
const silence = time.Second

// Read implements io.Reader.
func (p *pipe) Read(b []byte) (int, error) {
	for since := time.Now(); ; {
		ready, err := p.ready()
		silent := time.Since(since)
		switch {
		case err != nil:
			return 0, err
		case ready:
			n, err := p.f.Read(b)
			p.begun = p.begun || n > 0
			return n, err
		case p.ctx.Err() != nil:
			return 0, p.ctx.Err()
		case silent >= p.patience && p.begun:
			return 0, fmt.Errorf("it is a pipe, and its writer has been silent for %s", p.patience)
		case silent >= p.patience:
			return 0, fmt.Errorf("%w for %s", errNoWriter, p.patience)
		case silent >= silence && !p.told:
			p.told = true
			p.waiting()
		}
	}
}

// ready waits a moment until the pipe has something to read, or its writer has closed it (poll(2), POLLHUP; one that has had
// no writer yet is not hung up).
func (p *pipe) ready() (bool, error) {
	const moment = 50 * time.Millisecond
	raw, err := p.f.SyscallConn()
	if err != nil {
		return false, err
	}
	n := 0
	var pollErr error
	err = raw.Control(func(fd uintptr) {
		n, pollErr = retried(func() (int, error) {
			return unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(min(moment, p.patience).Milliseconds()))
		})
	})
	return n > 0, errors.Join(err, pollErr)
}
