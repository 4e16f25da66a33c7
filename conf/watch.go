package conf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch implements Source. It watches directories, not files, so that a file may be replaced, be a symbolic link whose
// target changes, vanish and come back, or not exist yet; after every burst of events the contents are compared, and
// only a difference is a change. A file that is being written is waited for. Where no links are involved, a burst that
// concerns known files has only these read.
//
// How resources fit together is looked at again when changes have been quiet for a while, and what is found then is
// announced like a change.
func (s *FileSource) Watch(ctx context.Context, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch files: %w", watchLimit(err))
	}
	defer w.Close()
	dirs := &watchedDirs{w: w, have: map[string]inode{}}
	burst := &burst{all: true}
	quiet, check := stoppedTimer(), stoppedTimer()
	defer quiet.Stop()
	defer check.Stop()
	look := func() error {
		snap, err := s.look(ctx, dirs, burst)
		if err != nil {
			return fmt.Errorf("watch files: %w", err)
		}
		if snap.unfinished { // the end of writing is no event
			quiet.Reset(s.opts.Debounce)
			return nil
		}
		burst.reset()
		if s.differs(snap) {
			changed()
		}
		return nil
	}
	if err := look(); err != nil {
		return err
	}
	s.index()              // now, and not when the first change waits for it
	var deadline time.Time // of the burst under way, zero without one
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-w.Events:
			if !ok {
				return nil
			}
			if !burst.add(e, dirs) {
				continue
			}
		case _, ok := <-w.Errors: // an overflow of the queue: something has changed
			if !ok {
				return nil
			}
			burst.all = true
		case <-quiet.C:
			deadline = time.Time{}
			if err := look(); err != nil {
				return err
			}
			continue
		case <-s.due:
			check.Reset(checkDelay)
			continue
		case <-check.C:
			if s.check() {
				changed()
			}
			continue
		}
		now := time.Now()
		if deadline.IsZero() {
			deadline = now.Add(s.opts.MaxDelay)
		}
		quiet.Reset(min(s.opts.Debounce, deadline.Sub(now)))
	}
}

// checkDelay is how long after a change it is looked at how resources fit together.
const checkDelay = time.Second

func stoppedTimer() *time.Timer {
	t := time.NewTimer(0)
	<-t.C
	return t
}

// look reads what a burst of events may have changed.
func (s *FileSource) look(ctx context.Context, dirs *watchedDirs, b *burst) (*snapshot, error) {
	if !b.all {
		if places, ok := s.places(b.paths); ok {
			if snap := s.changed(ctx, places); snap != nil {
				return snap, nil
			}
		}
	}
	if err := dirs.sync(s.paths); err != nil {
		return nil, err
	}
	return s.snapshot(ctx, true), nil
}

// places are the places of regular files among the inputs of the last snapshot. ok is false when one is not there.
func (s *FileSource) places(paths map[string]bool) (places []int, ok bool) {
	index := s.index()
	for path := range paths {
		i, ok := index[path]
		if !ok {
			return nil, false
		}
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
			return nil, false
		}
		places = append(places, i)
	}
	return places, true
}

// index has the places of the inputs of the last snapshot, by absolute path.
func (s *FileSource) index() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base.index == nil {
		s.base.index = make(map[string]int, len(s.base.inputs))
		for i := range s.base.inputs {
			s.base.index[absolute(s.base.inputs[i].name)] = i
		}
	}
	return s.base.index
}

// differs compares a snapshot with what was last loaded or announced, and takes note. Before the first Load there is
// nothing to differ from.
func (s *FileSource) differs(snap *snapshot) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.seen
	s.seen = snap.digest
	if before == "" || before == snap.digest {
		return false
	}
	s.announced = snap
	return true
}

// burst gathers the paths that events have named; all says that anything may have changed.
type burst struct {
	paths map[string]bool
	all   bool
}

func (b *burst) reset() { *b = burst{} }

// add takes in an event and tells whether it can matter. Files that are no policy files, such as those that editors
// write before they rename them, do not, unless links may lead to them.
func (b *burst) add(e fsnotify.Event, dirs *watchedDirs) bool {
	path := e.Name
	_, dir := dirs.have[path]
	if b.all || dirs.links || dir {
		b.all = true
		return true
	}
	if strings.HasPrefix(filepath.Base(path), ".") && !dirs.named[path] {
		return false
	}
	other := !dirs.named[path] && formatOfName(path) == ""
	if gone := e.Has(fsnotify.Rename) || e.Has(fsnotify.Remove); gone && other {
		// To look for it would wait for rename(2) to let go of the directory, and that for the end of a large file it replaced.
		return false
	}
	info, err := os.Lstat(path)
	known := err == nil && info.Mode().IsRegular()
	if other && (known || os.IsNotExist(err)) {
		return false
	}
	if !known {
		b.all = true
		return true
	}
	if b.paths == nil {
		b.paths = map[string]bool{}
	}
	b.paths[path] = true
	return true
}

// inode identifies a directory, whatever its name.
type inode struct{ dev, ino uint64 }

// watchedDirs keeps the set of watched directories equal to the set that matters.
type watchedDirs struct {
	w    *fsnotify.Watcher
	have map[string]inode
	// named are the source's paths; links tells that some of them lead through symbolic links.
	named map[string]bool
	links bool
}

// sync watches what the paths depend on now and forgets the rest.
func (d *watchedDirs) sync(paths []string) error {
	depend := dependencies{dirs: map[string]bool{}, walked: map[string]bool{}}
	d.named = map[string]bool{}
	for _, p := range paths {
		if p != "-" {
			d.named[absolute(p)] = true
			depend.path(absolute(p))
		}
	}
	d.links = depend.links
	want := depend.dirs
	for dir := range d.have {
		if !want[dir] {
			d.w.Remove(dir) // fails when the directory is gone, which is as well
			delete(d.have, dir)
		}
	}
	for dir := range want {
		info, err := os.Stat(dir)
		if err != nil {
			continue // just gone: an event is on its way
		}
		id := inodeOf(info)
		if old, ok := d.have[dir]; ok && old == id {
			continue
		} else if ok {
			d.w.Remove(dir)
		}
		if err := d.w.Add(dir); err != nil {
			if os.IsNotExist(err) {
				continue
			}
			return fmt.Errorf("%s: %w", dir, watchLimit(err))
		}
		d.have[dir] = id
	}
	return nil
}

// watchLimit says which of the kernel's limits an error of inotify(7) is about: by themselves they speak of full disks and
// open files.
func watchLimit(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("too many directories are watched, see sysctl fs.inotify.max_user_watches (%w)", err)
	case errors.Is(err, syscall.EMFILE):
		return fmt.Errorf("too many programs watch files, see sysctl fs.inotify.max_user_instances, or too many files are open (%w)", err)
	}
	return err
}

func inodeOf(info fs.FileInfo) inode {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return inode{uint64(st.Dev), st.Ino}
	}
	return inode{}
}

// dependencies are the directories whose entries decide what some paths hold.
type dependencies struct {
	dirs map[string]bool
	// walked are those that have been looked through.
	walked map[string]bool
	// links tells that symbolic links are involved.
	links bool
}

// path adds the directory of every symbolic link on the way, and the file's own or, for a directory, all below it. Of a
// path that does not exist it is the last directory that does.
func (d *dependencies) path(path string) {
	resolved, info := d.resolve(path)
	switch {
	case info == nil:
	case info.IsDir():
		d.tree(resolved)
	default:
		d.dirs[filepath.Dir(resolved)] = true
	}
}

func (d *dependencies) tree(dir string) {
	if d.walked[dir] {
		return
	}
	d.walked[dir], d.dirs[dir] = true, true
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // gone, or not ours to read: loading says so
	}
	for _, e := range entries {
		switch name := filepath.Join(dir, e.Name()); {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			d.tree(name)
		case e.Type()&fs.ModeSymlink != 0:
			d.links = true
			d.path(name)
		}
	}
}

// resolve follows an absolute path link by link and adds the directory of each link. The info is nil when the path ends
// nowhere; then the last directory on the way is added.
func (d *dependencies) resolve(path string) (string, fs.FileInfo) {
	const maxLinks = 40 // as the kernel
	at, rest := "/", strings.Split(path, "/")
	var info fs.FileInfo
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		var err error
		if info, err = os.Lstat(next); err != nil {
			d.dirs[at] = true
			return "", nil
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		d.dirs[at], d.links = true, true
		target, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return "", nil
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	info, err := os.Lstat(at)
	if err != nil {
		return "", nil
	}
	return at, info
}
