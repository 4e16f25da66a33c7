package conf

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"slices"
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

	// looking is held while the files are read.
	looking sync.Mutex

	mu sync.Mutex
	// once holds what can be read only once: standard input and pipes.
	once map[string][]byte
	// files are the decoded files of the last Load, by name; loaded are the same in order.
	files  map[string]*loadedFile
	loaded []*loadedFile
	// taken are the inputs that the loaded files were made from.
	taken []input
	// seen is the digest of what was last loaded or announced, "" before the first Load.
	seen string
	// announced is what Watch has seen and Load has not taken in yet.
	announced *snapshot
	// base is what was last seen, announced or not; its inputs lack the content that has been decoded.
	base *snapshot
	// cross are the findings about how resources fit together.
	cross crossFindings
}

var _ Source = (*FileSource)(nil)

// Name is "files:" and the paths.
func (s *FileSource) Name() string { return "files:" + strings.Join(s.paths, ",") }

// Load implements Source. A file whose content did not change is not decoded again, nor is a YAML document of a changed
// file that did not change and still starts on the same line. After Watch has announced a change, the next Load takes in
// what Watch has seen; any other looks at all files.
func (s *FileSource) Load(ctx context.Context) (*model.Bundle, hcl.Diagnostics) {
	snap := s.announcement()
	watched := snap != nil
	if !watched {
		snap = s.snapshot()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = snap.digest
	replaced := s.decode(snap)
	diags := slices.Clip(snap.diags)
	b := &model.Bundle{Source: s.Name(), Revision: snap.digest}
	n := 0
	for _, f := range s.loaded {
		n += len(f.resources)
	}
	b.Resources = make([]model.Resource, 0, n)
	for _, f := range s.loaded {
		diags = append(diags, f.diags...)
		b.Resources = append(b.Resources, f.resources...)
	}
	diags = append(diags, s.cross.update(s.loaded, replaced, watched)...)
	if err := ctx.Err(); err != nil {
		diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Interrupted", Detail: err.Error()})
	}
	if diags.HasErrors() {
		return nil, diags
	}
	return b, diags
}

// Refresh makes the next Load look at all files, whatever Watch has seen.
func (s *FileSource) Refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.announced = nil
}

// announcement hands over what Watch has announced, nil when nothing.
func (s *FileSource) announcement() *snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := s.announced
	s.announced = nil
	return snap
}

// replacement is a file that was decoded anew, and what it was before.
type replacement struct{ old, new *loadedFile }

// decode brings the loaded files up to the snapshot. It tells what has been replaced when the list of files is as it was;
// else replaced is nil.
func (s *FileSource) decode(snap *snapshot) (replaced []replacement) {
	same := s.loaded != nil && slices.EqualFunc(snap.inputs, s.taken, func(a, b input) bool { return a.name == b.name })
	files := slices.Clone(s.loaded)
	var stale []int
	if same {
		for i := range snap.inputs {
			if snap.inputs[i].hash != s.taken[i].hash {
				stale = append(stale, i)
			}
		}
	} else {
		files = make([]*loadedFile, len(snap.inputs))
		for i := range snap.inputs {
			files[i] = s.files[snap.inputs[i].name]
			if files[i] == nil || files[i].hash != snap.inputs[i].hash {
				stale = append(stale, i)
			}
		}
	}
	forEach(len(stale), func(k int) {
		i := stale[k]
		files[i] = loadFile(snap.inputs[i], files[i])
	})
	for i := range snap.inputs {
		snap.inputs[i].src = nil
	}
	s.taken = snap.inputs
	if !same {
		s.files = make(map[string]*loadedFile, len(files))
		for _, f := range files {
			s.files[f.name] = f
		}
		s.loaded = files
		return nil
	}
	replaced = []replacement{}
	for _, i := range stale {
		replaced = append(replaced, replacement{s.loaded[i], files[i]})
		s.files[files[i].name] = files[i]
	}
	s.loaded = files
	return replaced
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
	src  []byte // nil where it was read for an earlier snapshot and is the same
	hash [sha256.Size]byte
	id   [8]byte // of the name
}

// snapshot is everything that was read at one moment. The digest covers names, contents and failures.
type snapshot struct {
	inputs []input
	diags  hcl.Diagnostics
	digest string
	// index has the places of the inputs by absolute path; nil until it is needed. Snapshots of the same names share it.
	index map[string]int
}

// snapshot reads all files.
func (s *FileSource) snapshot() *snapshot {
	s.looking.Lock()
	defer s.looking.Unlock()
	names, diags := s.expand()
	snap := &snapshot{diags: diags}
	for _, name := range names {
		in, err := s.input(name)
		if err != nil {
			snap.diags = append(snap.diags, unreadable(name, err))
			continue
		}
		snap.inputs = append(snap.inputs, in)
	}
	snap.seal()
	s.mu.Lock()
	s.base = snap
	s.mu.Unlock()
	return snap
}

// changed is the last snapshot with some of its files read again; nil when that does not go well, and all must be read.
// They are given by their places among the inputs.
func (s *FileSource) changed(places []int) *snapshot {
	s.looking.Lock()
	defer s.looking.Unlock()
	s.mu.Lock()
	snap := &snapshot{diags: s.base.diags, inputs: slices.Clone(s.base.inputs), index: s.base.index}
	s.mu.Unlock()
	for _, i := range places {
		in, err := s.input(snap.inputs[i].name)
		if err != nil {
			return nil
		}
		snap.inputs[i] = in
	}
	snap.seal()
	s.mu.Lock()
	s.base = snap
	s.mu.Unlock()
	return snap
}

func (s *FileSource) input(name string) (input, error) {
	src, err := s.read(name)
	if err != nil {
		return input{}, err
	}
	if name == "-" {
		name = Stdin
	}
	id := sha256.Sum256([]byte(name))
	return input{name: name, src: src, hash: sha256.Sum256(src), id: [8]byte(id[:8])}, nil
}

func (snap *snapshot) seal() {
	sums := make([]byte, 0, len(snap.inputs)*(sha256.Size+8))
	for i := range snap.inputs {
		in := &snap.inputs[i]
		sums = append(append(sums, in.id[:]...), in.hash[:]...)
	}
	for _, d := range snap.diags {
		sums = append(sums, "\x00"+d.Summary+"\x00"+d.Detail...)
	}
	sum := sha256.Sum256(sums)
	snap.digest = hex.EncodeToString(sum[:8])
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
			return readLimited(f, info.Size())
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
	src, err := readLimited(from, 0)
	if err == nil {
		s.once[name] = src
	}
	return src, err
}

// readLimited reads one byte more than is allowed, so that decoding can tell that there was more. The size is what is
// expected: what is read is kept, and should take no more room than it needs.
func readLimited(r io.Reader, size int64) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, min(max(size, 0), MaxFileSize)+bytes.MinRead))
	_, err := b.ReadFrom(io.LimitReader(r, MaxFileSize+1))
	return b.Bytes(), err
}
