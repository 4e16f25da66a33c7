package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Namespace is one network namespace of a lab: a host of the throwaway network.
type Namespace struct {
	// Name is the short name given to Lab.Namespace; Path names the namespace for other programs (ip netns, setns).
	Name, Path string

	full   string
	handle netns.NsHandle
	links  *netlink.Handle
}

// Namespace makes a namespace with loopback up and IPv6 addresses usable at once (no duplicate address detection).
// The name must be unique in the lab.
func (l *Lab) Namespace(name string) (*Namespace, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errors.New("the lab is closed")
	}
	n := &Namespace{Name: name, full: l.prefix + name, Path: filepath.Join(netnsDir, l.prefix+name)}
	if err := n.create(); err != nil {
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	l.spaces = append(l.spaces, n)
	if err := n.prepare(); err != nil {
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	return n, nil
}

// create makes the namespace on a thread of its own, which ends with it: a thread that has been inside is not given
// back to the scheduler.
func (n *Namespace) create() error {
	errc := make(chan error)
	go func() {
		runtime.LockOSThread()
		h, err := netns.NewNamed(n.full)
		n.handle = h
		errc <- err
	}()
	return <-errc
}

func (n *Namespace) prepare() (err error) {
	if n.links, err = netlink.NewHandleAt(n.handle, unix.NETLINK_ROUTE); err != nil {
		return err
	}
	defaults := map[string]string{
		"net.ipv6.conf.default.accept_dad":           "0",
		"net.ipv6.conf.default.dad_transmits":        "0",
		"net.ipv6.conf.default.addr_gen_mode":        "1", // no link-local address, so no packets nobody asked for
		"net.ipv6.conf.default.router_solicitations": "0",
		"net.ipv6.conf.default.accept_ra":            "0",
		"net.ipv4.icmp_ratelimit":                    "0", // every refused packet gets its ICMP error
		"net.ipv6.icmp.ratelimit":                    "0",
	}
	for key, value := range defaults {
		if err := n.Sysctl(key, value); err != nil {
			return err
		}
	}
	lo, err := n.links.LinkByName("lo")
	if err != nil {
		return err
	}
	return n.links.LinkSetUp(lo)
}

func (n *Namespace) remove() error {
	if n.links != nil {
		n.links.Close()
	}
	return errors.Join(removeNamed(n.full), n.handle.Close())
}

// FD is a file descriptor of the namespace, for netlink connections; it belongs to the Namespace.
func (n *Namespace) FD() int { return int(n.handle) }

// Links is a netlink handle inside the namespace.
func (n *Namespace) Links() *netlink.Handle { return n.links }

// Do runs fn inside the namespace, on an OS thread that nothing else uses meanwhile, and returns its error. Sockets
// that fn opens stay in the namespace; goroutines that fn starts do not. If the thread cannot be brought back it is
// ended. Do not call t.Fatal in fn.
func (n *Namespace) Do(fn func() error) error {
	errc := make(chan error, 1)
	go func() { errc <- n.do(fn) }()
	return <-errc
}

func (n *Namespace) do(fn func() error) error {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	if err := netns.Set(n.handle); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter namespace %s: %w", n.Name, err)
	}
	err = fn()
	// A goroutine that ends while locked takes its thread with it.
	if netns.Set(home) == nil {
		runtime.UnlockOSThread()
	}
	return err
}

// Sysctl sets a kernel parameter of the namespace, named with dots: net.ipv4.ip_forward.
func (n *Namespace) Sysctl(key, value string) error {
	path := "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
	return n.Do(func() error {
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			return fmt.Errorf("sysctl %s=%s: %w", key, value, err)
		}
		return nil
	})
}
