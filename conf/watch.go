package conf

import (
	"context"
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
// only a difference is a change.
func (s *FileSource) Watch(ctx context.Context, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch files: %w", err)
	}
	defer w.Close()
	dirs := &watchedDirs{w: w, have: map[string]inode{}}
	look := func() error {
		if err := dirs.sync(s.paths); err != nil {
			return fmt.Errorf("watch files: %w", err)
		}
		if s.differs() {
			changed()
		}
		return nil
	}
	if err := look(); err != nil {
		return err
	}
	quiet := time.NewTimer(0)
	<-quiet.C
	defer quiet.Stop()
	var deadline time.Time // of the burst under way, zero without one
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-w.Events:
			if !ok {
				return nil
			}
		case _, ok := <-w.Errors: // an overflow of the queue: something has changed
			if !ok {
				return nil
			}
		case <-quiet.C:
			deadline = time.Time{}
			if err := look(); err != nil {
				return err
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

// differs compares the files with what was last loaded or announced, and takes note. Before the first Load there is
// nothing to differ from.
func (s *FileSource) differs() bool {
	snap := s.snapshot()
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.seen
	s.seen = snap.digest
	return before != "" && before != snap.digest
}

// inode identifies a directory, whatever its name.
type inode struct{ dev, ino uint64 }

// watchedDirs keeps the set of watched directories equal to the set that matters.
type watchedDirs struct {
	w    *fsnotify.Watcher
	have map[string]inode
}

// sync watches what the paths depend on now and forgets the rest.
func (d *watchedDirs) sync(paths []string) error {
	depend := dependencies{dirs: map[string]bool{}, walked: map[string]bool{}}
	for _, p := range paths {
		if p != "-" {
			depend.path(absolute(p))
		}
	}
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
			return fmt.Errorf("%s: %w", dir, err)
		}
		d.have[dir] = id
	}
	return nil
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
		d.dirs[at] = true
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
