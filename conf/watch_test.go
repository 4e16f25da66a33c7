package conf

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"rampart/model"
)

// patience bounds a wait for what must happen; quiet is how long a test looks for what must not.
const (
	patience = 10 * time.Second
	quiet    = 150 * time.Millisecond
)

func tier(name string) []byte {
	return []byte("apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata:\n  name: " + name + "\n")
}

// watched is a source under watch, loaded again after every change as the daemon does.
type watched struct {
	t       *testing.T
	source  *FileSource
	changes chan struct{}
}

func watch(t *testing.T, paths ...string) *watched {
	t.Helper()
	w := &watched{t: t, source: FilesWith(FileOptions{Debounce: 20 * time.Millisecond}, paths...), changes: make(chan struct{}, 100)}
	w.source.Load(context.Background())
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		close(started)
		done <- w.source.Watch(ctx, func() {
			w.source.Load(ctx)
			w.changes <- struct{}{}
		})
	}()
	<-started
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Watch returns %v", err)
		}
	})
	return w
}

// expect waits until the loaded resources are those named; nil stands for a load with errors.
func (w *watched) expect(what string, names ...string) {
	w.t.Helper()
	deadline := time.After(patience)
	for {
		b, _ := w.source.Load(context.Background())
		if b != nil && equalNames(b, names) || b == nil && names == nil {
			break
		}
		select {
		case <-w.changes:
		case <-deadline:
			w.t.Fatalf("after %s: the source holds %v, want %q", what, b, names)
		}
	}
}

// change does something and waits to be told of it.
func (w *watched) change(what string, do func()) {
	w.t.Helper()
	w.drain()
	do()
	select {
	case <-w.changes:
	case <-time.After(patience):
		w.t.Fatalf("%s is not noticed", what)
	}
}

// silence does something and makes sure that nothing is told.
func (w *watched) silence(what string, do func()) {
	w.t.Helper()
	w.drain()
	do()
	select {
	case <-w.changes:
		w.t.Fatalf("%s is taken for a change", what)
	case <-time.After(quiet):
	}
}

func (w *watched) drain() {
	for {
		select {
		case <-w.changes:
		case <-time.After(2 * 20 * time.Millisecond):
			return
		}
	}
}

func equalNames(b *model.Bundle, names []string) bool {
	if len(b.Resources) != len(names) {
		return false
	}
	for i, r := range b.Resources {
		if r.Key().Name != names[i] {
			return false
		}
	}
	return true
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatchEdits(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	write(t, file, tier("a"))
	w := watch(t, dir)
	w.expect("start", "a")

	w.change("a file written in place", func() { write(t, file, tier("b")) })
	w.expect("a file written in place", "b")

	w.change("a file replaced by a rename, as editors do", func() {
		write(t, filepath.Join(dir, ".a.yaml.swp"), tier("c"))
		must(t, os.Rename(filepath.Join(dir, ".a.yaml.swp"), file))
	})
	w.expect("a rename", "c")

	w.silence("a file touched", func() { must(t, os.Chtimes(file, time.Now(), time.Now())) })
	w.silence("the same content written again", func() { write(t, file, tier("c")) })
	w.silence("a file of another kind", func() { write(t, filepath.Join(dir, "README"), []byte("x")) })
	w.silence("a backup", func() { write(t, file+"~", tier("x")) })
	w.silence("a hidden file", func() { write(t, filepath.Join(dir, ".x.yaml"), tier("x")) })

	w.change("a file removed", func() { must(t, os.Remove(file)) })
	w.expect("the only file removed")
	w.change("a comment", func() { write(t, file, []byte("# none\n")) })
	w.expect("a comment", []string{}...)
	w.change("it created again", func() { write(t, file, tier("d")) })
	w.expect("it created again", "d")

	w.change("a bad file", func() { write(t, file, []byte("kind: [")) })
	w.expect("a bad file")
	w.change("it mended", func() { write(t, file, tier("e")) })
	w.expect("it mended", "e")
}

func TestWatchDirectories(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "later", "policy.d")
	w := watch(t, dir)
	w.expect("start, without the directory")

	w.change("the directory created", func() { write(t, filepath.Join(dir, "a.yaml"), tier("a")) })
	w.expect("the directory created", "a")

	w.change("a directory in it", func() { write(t, filepath.Join(dir, "sub", "deep", "b.yaml"), tier("b")) })
	w.expect("a directory in it", "a", "b")
	w.change("a file in that", func() { write(t, filepath.Join(dir, "sub", "deep", "c.yaml"), tier("c")) })
	w.expect("a file in that", "a", "b", "c")

	w.change("the directory moved away", func() { must(t, os.Rename(dir, filepath.Join(root, "old"))) })
	w.expect("the directory moved away")
	w.change("another in its place", func() { write(t, filepath.Join(dir, "n.yaml"), tier("next")) })
	w.expect("another in its place", "next")
	w.change("a file in the new one", func() { write(t, filepath.Join(dir, "o.yaml"), tier("other")) })
	w.expect("a file in the new one", "next", "other")
	w.silence("a file in the old one", func() { write(t, filepath.Join(root, "old", "x.yaml"), tier("x")) })

	w.change("everything removed", func() { must(t, os.RemoveAll(filepath.Join(root, "later"))) })
	w.expect("everything removed")
	w.change("everything back", func() { write(t, filepath.Join(dir, "z.yaml"), tier("z")) })
	w.expect("everything back", "z")
}

// TestWatchSymlinks swaps links as kubelet does for a mounted ConfigMap: files link to ..data, which links to a directory
// with a time in its name.
func TestWatchSymlinks(t *testing.T) {
	dir := t.TempDir()
	swap := func(version string, names ...string) {
		for _, name := range names {
			write(t, filepath.Join(dir, version, name+".yaml"), tier(name+version[2:]))
		}
		must(t, os.Symlink(version, filepath.Join(dir, "..data_tmp")))
		must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	swap("..1", "a")
	must(t, os.Symlink("..data/a.yaml", filepath.Join(dir, "a.yaml")))
	w := watch(t, dir)
	w.expect("start", "a1")
	w.change("the link swapped", func() { swap("..2", "a") })
	w.expect("the link swapped", "a2")
	w.change("the link swapped again", func() { swap("..3", "a") })
	w.expect("the link swapped again", "a3")

	other := filepath.Join(t.TempDir(), "elsewhere")
	write(t, filepath.Join(other, "b.yaml"), tier("b"))
	w.change("a link to a directory", func() { must(t, os.Symlink(other, filepath.Join(dir, "z"))) })
	w.expect("a link to a directory", "a3", "b")
	w.change("a file behind the link", func() { write(t, filepath.Join(other, "c.yaml"), tier("c")) })
	w.expect("a file behind the link", "a3", "b", "c")
	w.silence("a link in a circle", func() { must(t, os.Symlink(dir, filepath.Join(other, "circle"))) })
}

func TestWatchSingleFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "policy")
	write(t, file, tier("a"))
	w := watch(t, file)
	w.expect("start", "a")
	w.silence("its neighbour", func() { write(t, filepath.Join(dir, "b.yaml"), tier("b")) })
	w.change("the file replaced", func() {
		write(t, filepath.Join(dir, "new"), tier("b"))
		must(t, os.Rename(filepath.Join(dir, "new"), file))
	})
	w.expect("the file replaced", "b")
	w.change("the file removed", func() { must(t, os.Remove(file)) })
	w.expect("the file removed")
	w.change("the file back", func() { write(t, file, tier("c")) })
	w.expect("the file back", "c")
}

// TestWatchBusy makes sure that changes without a pause cannot put a reload off for ever.
func TestWatchBusy(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	write(t, file, tier("a"))
	w := watch(t, dir)
	w.expect("start", "a")
	w.drain()
	for i := 0; ; i++ {
		write(t, file, tier("t"+string(rune('a'+i%26))))
		select {
		case <-w.changes:
			return
		case <-time.After(5 * time.Millisecond): // less than the debounce
		}
		if i > int(patience/(5*time.Millisecond)) {
			t.Fatal("no change is told while changes go on")
		}
	}
}

// TestWatchSeesWhatHappenedBefore changes a file between Load and Watch.
func TestWatchSeesWhatHappenedBefore(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), tier("a"))
	s := FilesWith(FileOptions{Debounce: time.Millisecond}, dir)
	s.Load(context.Background())
	write(t, filepath.Join(dir, "b.yaml"), tier("b"))
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	told := false
	if err := s.Watch(ctx, func() { told = true; stop() }); err != nil {
		t.Fatal(err)
	}
	if !told {
		t.Error("the change is not told")
	}
}

// TestCrossWarningsFollow makes two changes of one known file: the second leaves a policy without endpoints. The source says
// so when it has been quiet for a while, and not before.
func TestCrossWarningsFollow(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "endpoint.yaml")
	endpoint := func(role string) []byte {
		return []byte("apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata:\n  name: h\n  labels: {role: " + role + "}\nspec: {node: n, interfaceName: eth0}\n")
	}
	must(t, os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(
		"apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: p}\nspec: {selector: role == 'web'}\n"), 0o644))
	must(t, os.WriteFile(file, endpoint("web"), 0o644))
	w := watch(t, dir)
	warnings := func() int {
		w.source.mu.Lock()
		defer w.source.mu.Unlock()
		return len(w.source.cross.diags)
	}
	w.change("another label", func() { must(t, os.WriteFile(file, endpoint("db"), 0o644)) })
	deadline := time.After(patience)
	for warnings() == 0 {
		select {
		case <-w.changes:
		case <-deadline:
			t.Fatal("no warning of a policy that selects nothing")
		}
	}
	w.change("the first label again", func() { must(t, os.WriteFile(file, endpoint("web"), 0o644)) })
	for warnings() > 0 {
		select {
		case <-w.changes:
		case <-deadline:
			t.Fatal("the warning stays")
		}
	}
}

// TestDuplicateInKnownFile gives a known file the key of another one's resource: that is an error at once.
func TestDuplicateInKnownFile(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "a.yaml"), tier("a"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "b.yaml"), tier("b"), 0o644))
	w := watch(t, dir)
	w.change("a first change", func() { must(t, os.WriteFile(filepath.Join(dir, "b.yaml"), tier("c"), 0o644)) })
	w.change("a second change", func() { must(t, os.WriteFile(filepath.Join(dir, "b.yaml"), tier("a"), 0o644)) })
	w.expect("the same name in two files")
	w.change("a third change", func() { must(t, os.WriteFile(filepath.Join(dir, "b.yaml"), tier("d"), 0o644)) })
	w.expect("the name is another one", "a", "d")
}

func TestWatchLimitsAreNamed(t *testing.T) {
	for err, want := range map[error]string{
		syscall.ENOSPC: "too many directories are watched, see sysctl fs.inotify.max_user_watches (no space left on device)",
		syscall.EMFILE: "too many programs watch files, see sysctl fs.inotify.max_user_instances, or too many files are open (too many open files)",
		syscall.EACCES: "permission denied",
	} {
		if got := watchLimit(err); got.Error() != want || !errors.Is(got, err) {
			t.Errorf("%v is told as %v, want %s", err, got, want)
		}
	}
}
