package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"rampart/engine/api"
	"rampart/model"
)

// stateDir holds what survives a restart: the last good bundle of each source, from which a program can be made when
// the source cannot be read at boot, and the highest generation given out.
//
// All methods of a nil stateDir do nothing: a daemon without a state directory saves nothing.
type stateDir struct {
	path string
	lock *os.File
	// saved says what is there of the sources whose bundles this process has saved.
	saved map[string]*savedState
}

// openState creates the directory and locks it: two daemons, in two network namespaces, would overwrite each other's
// bundles. The kernel releases the lock when the process ends.
func openState(path string) (*stateDir, error) {
	if path == "" {
		return nil, nil
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = errors.New("another daemon uses it")
		}
		return nil, fmt.Errorf("state directory %s: %w", path, err)
	}
	return &stateDir{path: path, lock: lock, saved: map[string]*savedState{}}, nil
}

func (s *stateDir) close() error {
	if s == nil {
		return nil
	}
	return s.lock.Close()
}

const (
	generationFile = "generation"
	bundlePrefix   = "bundle-"
	lockFile       = "lock"
)

// bundlePath is the file of a source. The name is hashed because it may hold anything; the file itself repeats it.
func (s *stateDir) bundlePath(source string) string {
	h := fnv.New64a()
	h.Write([]byte(source))
	return filepath.Join(s.path, fmt.Sprintf("%s%016x", bundlePrefix, h.Sum64()))
}

// savedBundle is the first JSON value of a bundle's file; one savedResource for each resource follows.
type savedBundle struct {
	Source     string `json:"source"`
	Revision   string `json:"revision"`
	Generation uint64 `json:"generation"`
	Resources  int    `json:"resources"`
}

// savedResource is a manifest and what manifests do not carry: where the resource and its rules were written.
type savedResource struct {
	Manifest json.RawMessage `json:"manifest"`
	Origins  []model.Origin  `json:"origins"`
}

// saveBundle writes a bundle that is part of the program of the given generation.
func (s *stateDir) saveBundle(b *model.Bundle, generation uint64) error {
	if s == nil {
		return nil
	}
	delete(s.saved, b.Source)
	sum, size, err := writeStateFile(s.bundlePath(b.Source), throughPowerCut, func(w io.Writer) error {
		if err := newEncoder(w).Encode(savedBundle{b.Source, b.Revision, generation, len(b.Resources)}); err != nil {
			return err
		}
		for _, r := range b.Resources {
			if err := encodeSaved(w, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("saving the bundle of %s: %w", b.Source, err)
	}
	// The journal is that of another bundle now, and of no account.
	if err := os.Remove(s.journalPath(b.Source)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("saving the bundle of %s: %w", b.Source, err)
	}
	s.saved[b.Source] = &savedState{size: size, last: sum}
	return nil
}

func newEncoder(w io.Writer) *json.Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc
}

// encodeSaved writes a savedResource.
func encodeSaved(w io.Writer, r model.Resource) error {
	manifest, err := api.EncodeResource(r)
	if err != nil {
		return err
	}
	places := api.Origins(r)
	origins := make([]model.Origin, len(places))
	for i, o := range places {
		origins[i] = *o
	}
	// As json would write it, but without looking through the manifest once more.
	b := append([]byte(`{"manifest":`), manifest...)
	b = append(b, `,"origins":`...)
	list, err := json.Marshal(origins)
	if err != nil {
		return err
	}
	b = append(append(b, list...), "}\n"...)
	_, err = w.Write(b)
	return err
}

// loadBundle reads the saved bundle of a source. There being none is not an error: both results are then nil.
func (s *stateDir) loadBundle(source string) (b *model.Bundle, generation uint64, err error) {
	body, err := s.bundleBody(source)
	if body == nil {
		return nil, 0, err
	}
	path := s.bundlePath(source)
	b, head, err := decodeBundle(body)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %s: %w", ErrBadState, path, err)
	}
	if head.Source != source {
		return nil, 0, fmt.Errorf("%w: %s belongs to source %s", ErrBadState, path, head.Source)
	}
	generation, err = s.replay(b, head.Generation, sha256.Sum256(body))
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	return b, generation, nil
}

// bundleBody is what saveBundle wrote for a source, nil when nothing.
func (s *stateDir) bundleBody(source string) ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	body, err := readStateFile(s.bundlePath(source))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return body, err
}

// savedGeneration is the generation of the saved bundle of a source, 0 when there is none. It takes much less time than to
// load the bundle, which may not be needed.
func (s *stateDir) savedGeneration(source string) (uint64, error) {
	body, err := s.bundleBody(source)
	if body == nil {
		return 0, err
	}
	var head savedBundle
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&head); err != nil {
		return 0, fmt.Errorf("%w: %s: %w", ErrBadState, s.bundlePath(source), err)
	}
	return s.lastGeneration(source, head.Generation, sha256.Sum256(body)), nil
}

func decodeBundle(body []byte) (*model.Bundle, savedBundle, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	var head savedBundle
	if err := dec.Decode(&head); err != nil {
		return nil, head, err
	}
	b := &model.Bundle{Source: head.Source, Revision: head.Revision}
	for dec.More() {
		r, err := decodeSaved(dec)
		if err != nil {
			return nil, head, err
		}
		b.Resources = append(b.Resources, r)
	}
	if len(b.Resources) != head.Resources {
		return nil, head, fmt.Errorf("%d resources, not %d", len(b.Resources), head.Resources)
	}
	return b, head, nil
}

func decodeSaved(dec *json.Decoder) (model.Resource, error) {
	var saved savedResource
	if err := dec.Decode(&saved); err != nil {
		return nil, err
	}
	r, err := api.DecodeResource(saved.Manifest)
	if err != nil {
		return nil, err
	}
	places := api.Origins(r)
	if len(places) != len(saved.Origins) {
		return nil, fmt.Errorf("%s has %d places, %d are saved", r.Key(), len(places), len(saved.Origins))
	}
	for i, o := range saved.Origins {
		*places[i] = o
	}
	return r, nil
}

// forgetOthers removes the bundles of sources that are configured no longer: they would come back to life, however old,
// when such a source is configured again.
func (s *stateDir) forgetOthers(sources []string) error {
	if s == nil {
		return nil
	}
	keep := map[string]bool{}
	for _, name := range sources {
		keep[s.bundlePath(name)], keep[s.journalPath(name)] = true, true
	}
	files, err := filepath.Glob(filepath.Join(s.path, bundlePrefix+"*"))
	for _, f := range files {
		if !keep[f] {
			err = errors.Join(err, os.Remove(f))
		}
	}
	return err
}

// saveGeneration records that generations up to g may be used. It is on the way of a new policy to the kernel and does not
// wait for the disk: should a power cut damage the file, the generation saved with the bundles stands in.
func (s *stateDir) saveGeneration(g uint64) error {
	if s == nil {
		return nil
	}
	_, _, err := writeStateFile(filepath.Join(s.path, generationFile), untilPowerCut, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, g)
		return err
	})
	return err
}

// loadGeneration is the highest generation recorded, 0 when there is none.
func (s *stateDir) loadGeneration() (g uint64, err error) {
	if s == nil {
		return 0, nil
	}
	body, err := readStateFile(filepath.Join(s.path, generationFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscanln(string(body), &g); err != nil {
		return 0, fmt.Errorf("%w: %s: %w", ErrBadState, generationFile, err)
	}
	return g, nil
}
