package conf

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errNoWriter says that nothing came through a pipe. That is no empty file, which would mean that there is no policy.
var errNoWriter = errors.New("it is a pipe, and nothing came through it")

// pipePatience is how long a pipe may have nothing to read before it is given up. Without a limit nothing would end the
// reading of one that stands in the place of a file by mistake: opening it waits for a writer.
const pipePatience = 30 * time.Second

// readOnce reads the standard input, or what is not a regular file.
func (s *FileSource) readOnce(name string) ([]byte, error) {
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
	if err := awaitWriter(f, s.pipePatience); err != nil {
		return nil, err
	}
	src, err := readLimited(f)
	if err == nil && len(src) == 0 {
		err = &fs.PathError{Op: "read", Path: name, Err: errNoWriter}
	}
	return src, err
}

// awaitWriter waits until a pipe has something to read, or its writer has closed it (poll(2), POLLHUP; one that has had no
// writer yet is not hung up).
func awaitWriter(f *os.File, patience time.Duration) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	ready := 0
	var pollErr error
	err = raw.Control(func(fd uintptr) {
		ready, pollErr = retried(func() (int, error) {
			return unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience.Milliseconds()))
		})
	})
	if err = errors.Join(err, pollErr); err == nil && ready == 0 {
		err = &fs.PathError{Op: "read", Path: f.Name(), Err: errNoWriter}
	}
	return err
}
