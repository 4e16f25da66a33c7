package lab

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offload is a feature of an interface by which a few large packets stand for many. Its number is the command that asks for it;
// the next one sets it (uapi linux/ethtool.h).
type Offload uint32

// The offloads: segmentation of TCP, of anything, and putting together what is received, which also gives a veth NAPI.
const (
	TSO Offload = 0x1e
	GSO Offload = 0x23
	GRO Offload = 0x2b
)

// Offload tells whether an interface has a feature in use.
func (n *Namespace) Offload(iface string, o Offload) (bool, error) {
	data, err := n.ethtool(iface, uint32(o), 0)
	return data != 0, err
}

// SetOffload switches a feature of an interface.
func (n *Namespace) SetOffload(iface string, o Offload, on bool) error {
	data := uint32(0)
	if on {
		data = 1
	}
	_, err := n.ethtool(iface, uint32(o)+1, data)
	return err
}

// ethtool sends a command with a value to the driver of an interface, and returns the value that comes back.
func (n *Namespace) ethtool(iface string, command, data uint32) (uint32, error) {
	value := struct{ command, data uint32 }{command, data}
	err := n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		var request struct { // struct ifreq
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}
		copy(request.name[:], iface)
		request.data = unsafe.Pointer(&value)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
			return errno
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("offload of %s/%s, command %#x: %w", n.Name, iface, command, err)
	}
	return value.data, nil
}
