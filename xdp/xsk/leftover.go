package xsk

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// unmapLeftovers removes the mappings of a socket's rings that a library has forgotten: they keep the kernel's side of
// the socket, and so its queue, alive after the descriptor is closed. inode is the socket's.
func unmapLeftovers(inode uint64) error {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer f.Close()
	name := fmt.Sprintf("socket:[%d]", inode)
	var errs []error
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if !strings.HasSuffix(sc.Text(), name) {
			continue
		}
		var from, to uintptr
		if _, err := fmt.Sscanf(sc.Text(), "%x-%x", &from, &to); err != nil {
			errs = append(errs, fmt.Errorf("memory map %q: %w", sc.Text(), err))
			continue
		}
		if _, _, errno := unix.Syscall(unix.SYS_MUNMAP, from, to-from, 0); errno != 0 {
			errs = append(errs, fmt.Errorf("unmap forgotten ring: %w", errno))
		}
	}
	return errors.Join(errs...)
}

// inodeOf is the number that names a socket in /proc.
func inodeOf(fd int) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, fmt.Errorf("inode of socket: %w", err)
	}
	return st.Ino, nil
}
