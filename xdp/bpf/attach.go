package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Mode is how an XDP program is attached.
type Mode string

// The modes: Native runs in the driver, Generic behind it and slower.
const (
	Native  Mode = "native"
	Generic Mode = "generic"
)

// ForeignError says that somebody else's XDP program is on the interface. Only one fits.
type ForeignError struct {
	Interface string
	// Program is the kernel's number of it, 0 where it is not known.
	Program uint32
}

func (e *ForeignError) Error() string {
	if e.Program == 0 {
		return fmt.Sprintf("interface %s has an XDP program of another program", e.Interface)
	}
	return fmt.Sprintf("interface %s has an XDP program of another program (id %d)", e.Interface, e.Program)
}

// Link is an attached program.
type Link struct {
	link.Link
	Mode Mode
}

// Attach attaches the program to an interface of the calling thread's network namespace, in the driver if it can and
// behind it otherwise. A program that is there stays: the error is then a *ForeignError. The program is detached when the
// link is closed or the process ends.
func (f *FastPath) Attach(ifindex int) (*Link, error) {
	l, err := netlink.LinkByIndex(ifindex)
	if err != nil {
		return nil, fmt.Errorf("attach the XDP program: interface %d: %w", ifindex, err)
	}
	name := l.Attrs().Name
	if x := l.Attrs().Xdp; x != nil && x.Attached {
		return nil, &ForeignError{Interface: name, Program: x.ProgId}
	}
	var errs []error
	for _, m := range []struct {
		mode  Mode
		flags link.XDPAttachFlags
	}{{Native, link.XDPDriverMode}, {Generic, link.XDPGenericMode}} {
		attached, err := link.AttachXDP(link.XDPOptions{Program: f.program, Interface: ifindex, Flags: m.flags})
		switch {
		case err == nil:
			return &Link{attached, m.mode}, nil
		case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EEXIST):
			return nil, &ForeignError{Interface: name}
		}
		errs = append(errs, fmt.Errorf("%s: %w", m.mode, err))
	}
	return nil, fmt.Errorf("attach the XDP program to %s: %w", name, errors.Join(errs...))
}
