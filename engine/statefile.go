package engine

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrBadState means that a file of the state directory is damaged or of another version. It is never used in part.
var ErrBadState = errors.New("saved state cannot be used")

// A file of the state directory is one header line of fixed length, then the body. The header has the format's version,
// the SHA-256 of the body and its length; a file cut short, or changed by a flipped bit, does not match.
const (
	stateVersion = 1
	stateHeader  = "rampart-state %d %064x %020d\n"
)

var stateHeaderLen = len(fmt.Sprintf(stateHeader, stateVersion, [sha256.Size]byte{}, 0))

// durability says what a written file survives.
type durability bool

const (
	// untilPowerCut: a crash of the program leaves the old file or the new one, a power cut perhaps a damaged one.
	untilPowerCut durability = false
	// throughPowerCut: a power cut too leaves the old one or the new one. It waits for the disk.
	throughPowerCut durability = true
)

// writeStateFile writes a file by way of a temporary one in the same directory and a rename. It
// returns the hash and the length of the body.
func writeStateFile(path string, d durability, body func(io.Writer) error) (hash stateSum, length int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return hash, 0, err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Seek(int64(stateHeaderLen), io.SeekStart); err != nil {
		return hash, 0, err
	}
	sum, size := sha256.New(), &countWriter{}
	buf := bufio.NewWriterSize(f, 1<<16)
	if err = body(io.MultiWriter(buf, sum, size)); err != nil {
		return hash, 0, err
	}
	if err = buf.Flush(); err != nil {
		return hash, 0, err
	}
	sum.Sum(hash[:0])
	if _, err = f.WriteAt(fmt.Appendf(nil, stateHeader, stateVersion, hash, size.n), 0); err != nil {
		return hash, 0, err
	}
	if d == throughPowerCut {
		if err = f.Sync(); err != nil {
			return hash, 0, err
		}
	}
	if err = f.Close(); err != nil {
		return hash, 0, err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return hash, 0, err
	}
	if d == throughPowerCut {
		err = syncDir(filepath.Dir(path))
	}
	return hash, int64(size.n), err
}

// syncDir makes a rename survive a power cut.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// readStateFile returns the body of a file that writeStateFile wrote: fs.ErrNotExist when there is none, ErrBadState when
// it is not whole.
func readStateFile(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadState, err)
	}
	bad := func(what string) ([]byte, error) { return nil, fmt.Errorf("%w: %s: %s", ErrBadState, path, what) }
	if len(b) < stateHeaderLen {
		return bad("too short")
	}
	head, body := b[:stateHeaderLen], b[stateHeaderLen:]
	var version, size int
	var sum string
	if _, err := fmt.Sscanf(string(head), "rampart-state %d %s %d\n", &version, &sum, &size); err != nil {
		return bad("no header")
	}
	if version != stateVersion {
		return bad(fmt.Sprintf("version %d, want %d", version, stateVersion))
	}
	if want := fmt.Appendf(nil, stateHeader, stateVersion, sha256.Sum256(body), len(body)); !bytes.Equal(head, want) {
		return bad("checksum or length differ")
	}
	return body, nil
}

type countWriter struct{ n int }

func (w *countWriter) Write(b []byte) (int, error) {
	w.n += len(b)
	return len(b), nil
}
