package measure

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// errNoAccounting says that the kernel does not tell whose memory is whose.
var errNoAccounting = errors.New("no memory control group can be made here, so the kernel's memory cannot be told apart")

// cgroup is a memory control group, of version 1 or 2 (Documentation/admin-guide/cgroup-v1, cgroup-v2.rst).
type cgroup struct {
	dir string
	v2  bool
}

// newCgroup makes an empty group.
func newCgroup() (*cgroup, error) {
	name := "rampart-bench-" + strconv.Itoa(os.Getpid())
	for _, g := range []*cgroup{{filepath.Join("/sys/fs/cgroup/memory", name), false}, {filepath.Join("/sys/fs/cgroup", name), true}} {
		if g.v2 && !strings.Contains(controllers(), "memory") || os.Mkdir(g.dir, 0o755) != nil {
			continue
		}
		if _, err := g.kernel(); err == nil {
			return g, nil
		}
		_ = os.Remove(g.dir)
	}
	return nil, errNoAccounting
}

// controllers are those that version 2 has handed down from its root.
func controllers() string {
	b, err := os.ReadFile("/sys/fs/cgroup/cgroup.subtree_control")
	if err != nil {
		return ""
	}
	return string(b)
}

func (g *cgroup) add(pid int) error {
	return os.WriteFile(filepath.Join(g.dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
}

// kernel is the kernel's memory charged to the group, in bytes.
func (g *cgroup) kernel() (float64, error) {
	if !g.v2 {
		b, err := os.ReadFile(filepath.Join(g.dir, "memory.kmem.usage_in_bytes"))
		if err != nil {
			return 0, err
		}
		return strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
	}
	b, err := os.ReadFile(filepath.Join(g.dir, "memory.stat"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if n, ok := strings.CutPrefix(line, "kernel "); ok {
			return strconv.ParseFloat(strings.TrimSpace(n), 64)
		}
	}
	return 0, fmt.Errorf("memory.stat has no line about the kernel")
}

// remove deletes the group once its processes have ended.
func (g *cgroup) remove() error {
	var err error
	for range 100 {
		if err = os.Remove(g.dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}
