package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Namespaces are called rampart-lab.PID.START.LAB.NAME. PID and START (the process's start time in clock ticks since
// boot, so that a reused PID is told apart) name the owner.
const (
	namePrefix = "rampart-lab."
	netnsDir   = "/run/netns"
)

// Sweep removes the namespaces of labs whose process is gone, and kills what still runs inside them. Labs of living
// processes are left alone.
func Sweep() error {
	found, err := filepath.Glob(filepath.Join(netnsDir, namePrefix+"*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range found {
		name := filepath.Base(path)
		if owned(name) {
			continue
		}
		if err := removeNamed(name); err != nil {
			errs = append(errs, fmt.Errorf("remove left-over namespace %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// owned tells whether the process that made the namespace still lives.
func owned(name string) bool {
	part := strings.SplitN(strings.TrimPrefix(name, namePrefix), ".", 4)
	if len(part) != 4 {
		return true // not a name we give: not ours to remove
	}
	pid, err := strconv.Atoi(part[0])
	if err != nil {
		return true
	}
	start, ok := startTime(pid)
	return ok && start == part[1]
}

// self is this process's part of a namespace's name.
func self() string {
	start, _ := startTime(os.Getpid())
	return fmt.Sprintf("%d.%s", os.Getpid(), start)
}

// startTime reads field 22 of /proc/PID/stat (proc(5)). The command in field 2 may hold blanks and parentheses, so
// fields are counted from the last one.
func startTime(pid int) (string, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	_, rest, ok := strings.Cut(string(b[strings.LastIndexByte(string(b), ')')+1:]), " ")
	field := strings.Fields(rest)
	if !ok || len(field) < 20 {
		return "", false
	}
	return field[19], true
}

// removeNamed kills what runs inside a namespace and removes its name; the kernel then frees the namespace and its
// links.
func removeNamed(name string) error {
	path := filepath.Join(netnsDir, name)
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err == nil {
		killInside(st.Dev, st.Ino)
	}
	if err := netns.DeleteNamed(name); err != nil {
		// A crash between creating the file and mounting on it leaves a plain file.
		if errors.Is(err, unix.EINVAL) {
			return os.Remove(path)
		}
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// killInside ends every process whose network namespace is the given one. This process may have threads inside but is
// never among them: /proc/PID/ns is that of the main thread, which Do never moves.
func killInside(dev, ino uint64) {
	paths, _ := filepath.Glob("/proc/[0-9]*/ns/net")
	for _, path := range paths {
		var st unix.Stat_t
		if unix.Stat(path, &st) != nil || st.Dev != dev || st.Ino != ino {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(path, "/")[2]); err == nil && pid != os.Getpid() {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}
