package conf

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"

	"rampart/model"
)

// Stdin is the name of standard input in diagnostics and origins.
const Stdin = "<stdin>"

// FileOptions adjust a file source. The zero value is right for most.
type FileOptions struct {
	// Debounce is how long the files must be quiet before a change is looked at; 25 ms when zero.
	Debounce time.Duration
	// MaxDelay bounds how long a stream of changes can put that off; twice Debounce when zero.
	MaxDelay time.Duration
	// Stdin is what "-" reads; os.Stdin when nil.
	Stdin io.Reader
}

// DefaultDebounce is FileOptions.Debounce when zero.
const DefaultDebounce = 25 * time.Millisecond

// Files is the source for the given paths: files, and directories with all their *.hcl, *.yaml, *.yml and *.json files
// at any depth. Hidden files and directories are left out, symbolic links followed. "-" reads standard input, once.
func Files(paths ...string) *FileSource { return FilesWith(FileOptions{}, paths...) }

// FilesWith is Files with options.
func FilesWith(opts FileOptions, paths ...string) *FileSource {
	if opts.Debounce <= 0 {
		opts.Debounce = DefaultDebounce
	}
	if opts.MaxDelay <= 0 {
		opts.MaxDelay = 2 * opts.Debounce
	}
	if opts.Stdin == nil {
		opts.Stdin = os.Stdin
	}
	return &FileSource{opts: opts, paths: paths, once: map[string][]byte{}, files: map[string]*loadedFile{}}
}

// FileSource is a Source of resources in files.
type FileSource struct {
	opts  FileOptions
	paths []string

	mu sync.Mutex
	// once holds what can be read only once: standard input and pipes.
	once map[string][]byte
	// files are the decoded files of the last Load, by name.
	files map[string]*loadedFile
	// seen is the digest of what was last loaded or announced, "" before the first Load.
	seen string
}

var _ Source = (*FileSource)(nil)

// Name is "files:" and the paths.
func (s *FileSource) Name() string { return "files:" + strings.Join(s.paths, ",") }

// Load implements Source. A file whose content did not change is not decoded again, nor is a YAML document of a changed
// file that did not change and still starts on the same line.
func (s *FileSource) Load(ctx context.Context) (*model.Bundle, hcl.Diagnostics) {
	snap := s.snapshot()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = snap.digest
	files := make([]*loadedFile, len(snap.inputs))
	forEach(len(files), func(i int) {
		in := snap.inputs[i]
		have := s.files[in.name]
		if have == nil || have.hash != in.hash {
			have = loadFile(in, have)
		}
		files[i] = have
	})
	s.files = make(map[string]*loadedFile, len(files))
	for _, f := range files {
		s.files[f.name] = f
	}
	diags := snap.diags
	b := &model.Bundle{Source: s.Name(), Revision: snap.digest}
	for _, f := range files {
		diags = append(diags, f.diags...)
		b.Resources = append(b.Resources, f.resources...)
	}
	diags = append(diags, crossCheck(files)...)
	if err := ctx.Err(); err != nil {
		diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Interrupted", Detail: err.Error()})
	}
	if diags.HasErrors() {
		return nil, diags
	}
	return b, diags
}

// Count is how many files and resources the last Load read, with and without errors.
func (s *FileSource) Count() (files, resources int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		resources += len(f.resources)
	}
	return len(s.files), resources
}

// Expand lists the files that the source reads now, in order, and what is wrong with its paths.
func (s *FileSource) Expand() ([]string, hcl.Diagnostics) { return s.expand() }

// Sources is the content of the files of the last Load, for WriteDiagnostics. The bytes must not be changed.
func (s *FileSource) Sources() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := make(map[string][]byte, len(s.files))
	for name, f := range s.files {
		m[name] = f.src
	}
	return m
}

// input is one file as it was read.
type input struct {
	name string
	src  []byte
	hash [sha256.Size]byte
}

// snapshot is everything that was read at one moment. The digest covers names, contents and failures.
type snapshot struct {
	inputs []input
	diags  hcl.Diagnostics
	digest string
}

func (s *FileSource) snapshot() snapshot {
	names, diags := s.expand()
	snap := snapshot{diags: diags}
	h := sha256.New()
	for _, name := range names {
		src, err := s.read(name)
		if err != nil {
			snap.diags = append(snap.diags, unreadable(name, err))
			continue
		}
		display := name
		if name == "-" {
			display = Stdin
		}
		in := input{name: display, src: src, hash: sha256.Sum256(src)}
		snap.inputs = append(snap.inputs, in)
		io.WriteString(h, display+"\x00")
		h.Write(in.hash[:])
	}
	for _, d := range snap.diags {
		io.WriteString(h, "\x00"+d.Summary+"\x00"+d.Detail)
	}
	snap.digest = hex.EncodeToString(h.Sum(nil)[:8])
	return snap
}

// read reads a file; what is not a regular file can be read only once and is remembered.
func (s *FileSource) read(name string) ([]byte, error) {
	if name != "-" {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if info.Mode().IsRegular() {
			f, err := os.Open(name)
			if err != nil {
				return nil, err
			}
			defer f.Close()
			return readLimited(f)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if src, ok := s.once[name]; ok {
		return src, nil
	}
	from := s.opts.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	src, err := readLimited(from)
	if err == nil {
		s.once[name] = src
	}
	return src, err
}

// readLimited reads one byte more than is allowed, so that decoding can tell that there was more.
func readLimited(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, MaxFileSize+1)) }
