package conf

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// input is one file as it was read. Snapshots share it.
type input struct {
	name string
	src  []byte // nil once it has been decoded
	sum  sum
	// touched identifies the file and its last change. It is zero when nothing can be concluded from it.
	touched touched
}

// sum is a hash of a file's name and content.
type sum [sha256.Size]byte

// touched is what stat(2) says about the file that was read: it differs when the file has been replaced or written to.
type touched struct {
	dev, ino    uint64
	size, ctime int64
}

// settled is how old the last change of a file must be for a later one to show: file systems count time in steps of up to
// 10 ms.
const settled = 100 * time.Millisecond

func touchedOf(info fs.FileInfo) touched {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Ctim.Nsec == 0 { // such a file system may count in seconds
		return touched{}
	}
	return touched{uint64(st.Dev), st.Ino, st.Size, st.Ctim.Nano()}
}

// input reads a file, unless it is what it was when had was read.
func (s *FileSource) input(ctx context.Context, name string, had *input) (*input, error) {
	in := &input{name: name}
	var err error
	if in.src, in.touched, err = s.read(ctx, name, had); err != nil {
		return nil, err
	}
	if in.src == nil {
		return had, nil
	}
	if name == "-" {
		in.name = Stdin
	}
	in.sum = sumOf(in.name, in.src)
	return in, nil
}

// sumPiece is how many bytes are hashed at a time, on all processors: a large file is read again for each small change of it.
const sumPiece = 256 << 10

// sumOf hashes a file; of one that is larger than a piece, the hashes of its pieces.
func sumOf(name string, src []byte) (s sum) {
	kind := byte(0)
	if len(src) > sumPiece {
		pieces := slices.Collect(slices.Chunk(src, sumPiece))
		sums := make([]byte, len(pieces)*sha256.Size)
		forEach(len(pieces), func(i int) {
			piece := sha256.Sum256(pieces[i])
			copy(sums[i*sha256.Size:], piece[:])
		})
		src, kind = sums, 1
	}
	h := sha256.New()
	io.WriteString(h, name)
	h.Write([]byte{kind})
	h.Write(src)
	h.Sum(s[:0])
	return s
}

// read reads a file; nil stands for what had has. What is not a regular file can be read only once and is remembered.
func (s *FileSource) read(ctx context.Context, name string, had *input) ([]byte, touched, error) {
	if name != "-" {
		info, err := os.Stat(name)
		if err != nil {
			return nil, touched{}, err
		}
		if info.Mode().IsRegular() {
			at := touchedOf(info)
			if had != nil && at != (touched{}) && at == had.touched {
				return nil, at, nil
			}
			if time.Since(info.ModTime()) < settled || time.Now().UnixNano()-at.ctime < int64(settled) {
				at = touched{}
			}
			src, err := readRegular(name, info.Size(), fresh(info))
			return src, at, err
		}
	}
	s.onceMu.Lock()
	defer s.onceMu.Unlock()
	if src, ok := s.once[name]; ok {
		return src, touched{}, nil
	}
	src, err := s.readOnce(ctx, name)
	if err == nil {
		s.once[name] = src
	}
	return src, touched{}, err
}

// errUnfinished says that somebody has a file open for writing and has written to it a moment ago. It may be half of what it
// is going to be, and yet be valid.
var errUnfinished = errors.New("it is being written")

// finished is how long after the last write a file is taken as it is, though it is open for writing. Whether it is, some
// network file systems cannot tell.
const finished = 2 * time.Second

// fresh tells that a file was changed so lately that it may not be finished.
func fresh(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	age := time.Since(time.Unix(st.Ctim.Unix()))
	return ok && age >= -settled && age < finished
}

// lease keeps writers from opening a file until it is closed here, and tells whether there is one already: a lease for
// reading is refused then (fcntl(2)). Where there are no leases, or not for us, nobody is taken to write.
func lease(fd int) error {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK); errors.Is(err, unix.EAGAIN) {
		return errUnfinished
	}
	return nil
}

// readRegular is os.ReadFile without what os does for files that one may have to wait for: there may be ten thousand. It
// reads one byte more than is allowed, so that decoding can tell that there was more. A fresh file that is open for writing is
// errUnfinished.
func readRegular(name string, size int64, fresh bool) ([]byte, error) {
	fail := func(op string, err error) ([]byte, error) { return nil, &fs.PathError{Op: op, Path: name, Err: err} }
	const flags = unix.O_RDONLY | unix.O_CLOEXEC
	// That it was read is not worth a write to the disk. Only the file's owner may leave it out.
	fd, err := retried(func() (int, error) { return unix.Open(name, flags|unix.O_NOATIME, 0) })
	if errors.Is(err, unix.EPERM) {
		fd, err = retried(func() (int, error) { return unix.Open(name, flags, 0) })
	}
	if err != nil {
		return fail("open", err)
	}
	defer unix.Close(fd)
	if fresh {
		if err := lease(fd); err != nil {
			return fail("read", err)
		}
	}
	buf := make([]byte, min(max(size, 0), MaxFileSize)+1)
	n := 0
	for {
		more, err := retried(func() (int, error) { return unix.Read(fd, buf[n:]) })
		if err != nil {
			return fail("read", err)
		}
		// Some file systems give less than was asked for before the end, but not just as much as the file has.
		if n += more; more == 0 || n == int(size) || n > MaxFileSize {
			return buf[:n], nil
		}
		if n == len(buf) {
			buf = append(buf, make([]byte, min(n, MaxFileSize+1-n))...)
		}
	}
}

func retried(call func() (int, error)) (n int, err error) {
	for {
		if n, err = call(); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// readLimited reads one byte more than is allowed, as readRegular does.
func readLimited(r io.Reader) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, bytes.MinRead))
	_, err := b.ReadFrom(io.LimitReader(r, MaxFileSize+1))
	return b.Bytes(), err
}
