package nft

import (
	"strconv"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// linkNames resolves interface indexes of one network namespace. Names are remembered; a renamed interface keeps its old
// name here until the watch starts again. Not for concurrent use.
type linkNames struct {
	handle *netlink.Handle
	known  map[uint32]string
}

func newLinkNames(fd int) (*linkNames, error) {
	ns := netns.None()
	if fd != 0 {
		ns = netns.NsHandle(fd)
	}
	h, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	return &linkNames{h, map[uint32]string{}}, nil
}

func (l *linkNames) close() { l.handle.Close() }

// name is the interface's name, or its index in digits when there is no such interface any more.
func (l *linkNames) name(index uint32) string {
	if n, ok := l.known[index]; ok {
		return n
	}
	link, err := l.handle.LinkByIndex(int(index))
	if err != nil {
		return strconv.Itoa(int(index))
	}
	l.known[index] = link.Attrs().Name
	return l.known[index]
}
