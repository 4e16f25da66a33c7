package xsk

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// umem is the memory of frames that one or more sockets share.
type umem struct {
	area      []byte
	frameSize int
	// fd is the socket that registered it.
	fd int
	// users are the sockets that have it; the last one unmaps it.
	users atomic.Int32
}

const hugePage = 2 << 20

// newUMEM maps the memory. Huge pages spare the kernel and us most of the address translation, but have to be set aside
// by the administrator (vm.nr_hugepages), so it does without them where they are not.
func newUMEM(c *Config) (*umem, error) {
	size := c.Frames * c.FrameSize
	flags := unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_POPULATE
	if c.HugePages {
		whole := (size + hugePage - 1) &^ (hugePage - 1)
		if area, err := unix.Mmap(-1, 0, whole, unix.PROT_READ|unix.PROT_WRITE, flags|unix.MAP_HUGETLB); err == nil {
			return &umem{area: area, frameSize: c.FrameSize}, nil
		}
	}
	area, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		return nil, fmt.Errorf("map %d octets for frames: %w", size, err)
	}
	return &umem{area: area, frameSize: c.FrameSize}, nil
}

// register gives the memory to the kernel through a socket.
func (u *umem) register(fd int) error {
	reg := unix.XDPUmemReg{Addr: uint64(uintptr(unsafe.Pointer(&u.area[0]))), Len: uint64(len(u.area)), Size: uint32(u.frameSize)}
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_XDP, unix.XDP_UMEM_REG,
		uintptr(unsafe.Pointer(&reg)), unsafe.Sizeof(reg), 0)
	if errno != 0 {
		return fmt.Errorf("register frames: %w", errno)
	}
	u.fd = fd
	return nil
}

// leave is called by each socket that closes.
func (u *umem) leave() error {
	if u == nil || u.users.Add(-1) > 0 {
		return nil
	}
	if err := unix.Munmap(u.area); err != nil {
		return fmt.Errorf("unmap frames: %w", err)
	}
	return nil
}
