package conf

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
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
	// Waiting, if not nil, is called with the name of a pipe that is being read and has been silent for a second.
	Waiting func(name string)
	// Watched tells that Watch will run: the first Load, too, leaves it to Watch to look how resources fit together.
	Watched bool
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
	return &FileSource{
		opts: opts, paths: paths, once: map[string][]byte{}, pipePatience: pipePatience, files: map[string]*loadedFile{}, due: make(chan struct{}, 1),
	}
}

// FileSource is a Source of resources in files.
type FileSource struct {
	opts  FileOptions
	paths []string

	// looking is held while the files are read.
	looking sync.Mutex

	// once holds what can be read only once: standard input and pipes.
	once   map[string][]byte
	onceMu sync.Mutex
	// pipePatience is how long a pipe may be silent.
	pipePatience time.Duration

	mu sync.Mutex
	// files are the decoded files of the last Load, by name; loaded are the same in order.
	files  map[string]*loadedFile
	loaded []*loadedFile
	// flat are the resources of all loaded files, first the place of each file's first one; noted are files with diagnostics.
	flat  []model.Resource
	first []int
	noted []*loadedFile
	// taken are the inputs that the loaded files were made from.
	taken []*input
	// seen is the digest of what was last loaded or announced, "" before the first Load.
	seen string
	// announced is what Watch has seen and Load has not taken in yet.
	announced *snapshot
	// base is what was last seen, announced or not; its inputs lack the content that has been decoded.
	base *snapshot
	// cross are the findings about how resources fit together; due wakes Watch when it is to look for them.
	cross crossFindings
	due   chan struct{}
	// asked tells that Refresh was called since the last Load.
	asked bool
}

var _ Source = (*FileSource)(nil)

// Name is "files:" and the paths.
func (s *FileSource) Name() string { return "files:" + strings.Join(s.paths, ",") }

// Load implements Source. A file whose content did not change is not decoded again, nor is a YAML document of a changed
// file that did not change and still starts on the same line. After Watch has announced a change, the next Load takes in
// what Watch has seen; any other looks at all files.
func (s *FileSource) Load(ctx context.Context) (*model.Bundle, hcl.Diagnostics) {
	snap, asked := s.announcement()
	watched := snap != nil
	if !watched {
		snap = s.whole(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = snap.digest
	replaced := s.decode(snap)
	diags := slices.Clip(snap.diags)
	b := &model.Bundle{Source: s.Name(), Revision: snap.digest}
	s.flatten(replaced)
	b.Resources = s.flat
	for _, f := range s.noted {
		diags = append(diags, f.diags...)
	}
	diags = append(diags, s.cross.update(s, replaced, watched || s.opts.Watched && !asked)...)
	if err := ctx.Err(); err != nil {
		diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Interrupted", Detail: err.Error()})
	}
	if diags.HasErrors() {
		return nil, diags
	}
	return b, diags
}

// flatten brings the list of all resources up to the loaded files, and that of the files with diagnostics.
func (s *FileSource) flatten(replaced []replacement) {
	if replaced != nil && !slices.ContainsFunc(replaced, func(r replacement) bool {
		return len(r.old.resources) != len(r.new.resources) || len(r.old.diags)+len(r.new.diags) > 0
	}) {
		if len(replaced) > 0 {
			s.flat = slices.Clone(s.flat) // the last one is in a bundle
		}
		for _, r := range replaced {
			copy(s.flat[s.first[r.place]:], r.new.resources)
		}
		return
	}
	n := 0
	s.first, s.noted = make([]int, len(s.loaded)), nil
	for i, f := range s.loaded {
		s.first[i] = n
		n += len(f.resources)
		if len(f.diags) > 0 {
			s.noted = append(s.noted, f)
		}
	}
	s.flat = make([]model.Resource, 0, n)
	for _, f := range s.loaded {
		s.flat = append(s.flat, f.resources...)
	}
}

// Refresh makes the next Load look at all files, whatever Watch has seen.
func (s *FileSource) Refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.announced, s.asked = nil, true
}

// announcement hands over what Watch has announced, nil when nothing, and tells whether Refresh was called.
func (s *FileSource) announcement() (snap *snapshot, asked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap, asked = s.announced, s.asked
	s.announced, s.asked = nil, false
	return snap, asked
}

// replacement is a file that was decoded anew, what it was before, and its place among the loaded files.
type replacement struct {
	old, new *loadedFile
	place    int
}

// decode brings the loaded files up to the snapshot. It tells what has been replaced when the list of files is as it was;
// else replaced is nil.
func (s *FileSource) decode(snap *snapshot) (replaced []replacement) {
	same := s.loaded != nil && slices.EqualFunc(snap.inputs, s.taken, func(a, b *input) bool { return a == b || a.name == b.name })
	files := slices.Clone(s.loaded)
	var stale []int
	if same {
		for i, in := range snap.inputs {
			if in != s.taken[i] && in.sum != s.taken[i].sum {
				stale = append(stale, i)
			}
		}
	} else {
		files = make([]*loadedFile, len(snap.inputs))
		for i, in := range snap.inputs {
			files[i] = s.files[in.name]
			if files[i] == nil || files[i].sum != in.sum {
				stale = append(stale, i)
			}
		}
	}
	forEach(len(stale), func(k int) {
		i := stale[k]
		if snap.inputs[i].src == nil { // decoded before, and another version since
			if again, err := s.input(context.Background(), snap.inputs[i].name, nil); err == nil {
				snap.inputs[i] = again
			} else {
				files[i] = &loadedFile{name: snap.inputs[i].name, diags: hcl.Diagnostics{unreadable(snap.inputs[i].name, err)}}
				return
			}
		}
		files[i] = loadFile(snap.inputs[i], files[i])
	})
	if same {
		for _, i := range stale {
			snap.inputs[i].src = nil
		}
	} else {
		for _, in := range snap.inputs {
			in.src = nil
		}
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
		replaced = append(replaced, replacement{s.loaded[i], files[i], i})
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

// Sources is the content of the files of the last Load, for WriteDiagnostics, as far as they have not changed since: it is
// read once more, because nobody but a person with a mistake to mend needs it. The bytes must not be changed.
func (s *FileSource) Sources() map[string][]byte {
	s.mu.Lock()
	files := s.loaded
	s.mu.Unlock()
	m := make(map[string][]byte, len(files))
	for _, f := range files {
		if src := s.content(f); src != nil {
			m[f.name] = src
		}
	}
	return m
}

// content reads a loaded file again; nil when it is no longer what it was.
func (s *FileSource) content(f *loadedFile) []byte {
	name := f.name
	if name == Stdin {
		name = "-"
	}
	if in, err := s.input(context.Background(), name, nil); err == nil && in.sum == f.sum {
		return in.src
	}
	return nil
}

// snapshot is everything that was read at one moment.
type snapshot struct {
	inputs []*input
	diags  hcl.Diagnostics
	// total is the sum of the inputs' sums, in 64-bit words. It changes with a few of them at little cost.
	total [sha256.Size / 8]uint64
	// digest covers names, contents and failures.
	digest string
	// unfinished tells that some file is being written.
	unfinished bool
	// index has the places of the inputs by absolute path; nil until it is needed. Snapshots of the same names share it.
	index map[string]int
}

// count adds an input to the total, or takes it away.
func (snap *snapshot) count(in *input, times uint64) {
	for i := range snap.total {
		snap.total[i] += times * binary.LittleEndian.Uint64(in.sum[8*i:])
	}
}

// snapshot reads all files. With trust, those that have not been touched since the last snapshot are not read again.
func (s *FileSource) snapshot(ctx context.Context, trust bool) *snapshot {
	s.looking.Lock()
	defer s.looking.Unlock()
	had := map[string]*input{}
	if trust {
		s.mu.Lock()
		if s.base != nil {
			for _, in := range s.base.inputs {
				had[in.name] = in
			}
		}
		s.mu.Unlock()
	}
	names, diags := s.expand()
	snap := &snapshot{diags: diags}
	inputs, errs := make([]*input, len(names)), make([]error, len(names))
	forEach(len(names), func(i int) { inputs[i], errs[i] = s.input(ctx, names[i], had[names[i]]) })
	for i, in := range inputs {
		if errs[i] != nil {
			snap.diags = append(snap.diags, unreadable(names[i], errs[i]))
			snap.unfinished = snap.unfinished || errors.Is(errs[i], errUnfinished)
			continue
		}
		snap.inputs = append(snap.inputs, in)
		snap.count(in, 1)
	}
	snap.seal()
	s.mu.Lock()
	s.base = snap
	s.mu.Unlock()
	return snap
}

// whole reads all files and waits a little for those that are being written.
func (s *FileSource) whole(ctx context.Context) *snapshot {
	for end := time.Now().Add(2 * finished); ; {
		snap := s.snapshot(ctx, false)
		if !snap.unfinished || ctx.Err() != nil || time.Now().After(end) {
			return snap
		}
		select {
		case <-time.After(min(s.opts.Debounce, finished)):
		case <-ctx.Done():
		}
	}
}

// changed is the last snapshot with some of its files read again; nil when that does not go well, and all must be read.
// They are given by their places among the inputs.
func (s *FileSource) changed(ctx context.Context, places []int) *snapshot {
	s.looking.Lock()
	defer s.looking.Unlock()
	s.mu.Lock()
	snap := &snapshot{diags: s.base.diags, inputs: slices.Clone(s.base.inputs), total: s.base.total, index: s.base.index}
	s.mu.Unlock()
	for _, i := range places {
		in, err := s.input(ctx, snap.inputs[i].name, nil)
		if err != nil {
			return nil
		}
		const minusOne = ^uint64(0)
		snap.count(snap.inputs[i], minusOne)
		snap.count(in, 1)
		snap.inputs[i] = in
	}
	snap.seal()
	s.mu.Lock()
	s.base = snap
	s.mu.Unlock()
	return snap
}

func (snap *snapshot) seal() {
	sums := make([]byte, 0, sha256.Size)
	for _, n := range snap.total {
		sums = binary.LittleEndian.AppendUint64(sums, n)
	}
	for _, d := range snap.diags {
		sums = append(sums, "\x00"+d.Summary+"\x00"+d.Detail...)
	}
	all := sha256.Sum256(sums)
	snap.digest = hex.EncodeToString(all[:8])
}
