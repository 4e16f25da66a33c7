package conntrack

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// table is a connection to the kernel's connection table (nfnetlink, NFNL_SUBSYS_CTNETLINK). It reads message by message:
// libraries hand over the whole table at once, and can neither clear a mark nor change single bits of it.
type table struct {
	fd     int
	serial uint32
	buffer []byte
}

// answerTimeout is how long the kernel may take for one piece of an answer.
const answerTimeout = 10 * time.Second

// receiveSize is enough for what the kernel sends at once (NLMSG_GOODSIZE, at most 32 KiB).
const receiveSize = 64 << 10

func openTable() (*table, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("connection table: %w", err)
	}
	limit := unix.NsecToTimeval(answerTimeout.Nanoseconds())
	err = errors.Join(unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connection table: %w", err), unix.Close(fd))
	}
	return &table{fd: fd, buffer: make([]byte, receiveSize)}, nil
}

func (t *table) close() error { return unix.Close(t.fd) }

// each visits every connection of both families. A flow is valid during the visit only.
func (t *table) each(ctx context.Context, visit func(*flow)) error {
	if err := t.send(nl.IPCTNL_MSG_CT_GET, unix.NLM_F_DUMP, unix.AF_UNSPEC, nil); err != nil {
		return err
	}
	for {
		// A dump that is given up would answer the next request, so ctx is only looked at between pieces and the socket is
		// not used again after that.
		if err := ctx.Err(); err != nil {
			return err
		}
		done, err := t.receive(func(message []byte) error {
			f, err := parseFlow(message)
			if err == nil {
				visit(&f)
			}
			return err
		})
		if done || err != nil {
			return err
		}
	}
}

// setMark sets the bits of mask in the mark of a connection, or clears them. found is false when it is there no longer.
func (t *table) setMark(name []byte, family uint8, mask uint32, on bool) (found bool, err error) {
	mark := uint32(0)
	if on {
		mark = mask
	}
	body := append([]byte(nil), name...)
	body = appendNumber(body, nl.CTA_MARK, mark)
	body = appendNumber(body, ctaMarkMask, mask)
	if err := t.send(nl.IPCTNL_MSG_CT_NEW, unix.NLM_F_ACK, family, body); err != nil {
		return false, err
	}
	for {
		done, err := t.receive(func([]byte) error { return nil })
		switch {
		case errors.Is(err, unix.ENOENT):
			return false, nil
		case done || err != nil:
			return err == nil, err
		}
	}
}

// probe asks for the number of connections, to see whether the kernel answers at all.
func (t *table) probe() error {
	const getStats = 5 // IPCTNL_MSG_CT_GET_STATS
	if err := t.send(getStats, unix.NLM_F_ACK, unix.AF_UNSPEC, nil); err != nil {
		return err
	}
	for {
		if done, err := t.receive(func([]byte) error { return nil }); done || err != nil {
			return err
		}
	}
}

// appendNumber adds an attribute of four octets in network byte order.
func appendNumber(b []byte, kind uint16, n uint32) []byte {
	b = binary.NativeEndian.AppendUint16(b, 8)
	b = binary.NativeEndian.AppendUint16(b, kind)
	return binary.BigEndian.AppendUint32(b, n)
}

func (t *table) send(message uint16, flags uint16, family uint8, body []byte) error {
	t.serial++
	b := make([]byte, 0, unix.NLMSG_HDRLEN+4+len(body))
	b = binary.NativeEndian.AppendUint32(b, uint32(unix.NLMSG_HDRLEN+4+len(body)))
	b = binary.NativeEndian.AppendUint16(b, unix.NFNL_SUBSYS_CTNETLINK<<8|message)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|flags)
	b = binary.NativeEndian.AppendUint32(b, t.serial)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = append(b, family, unix.NFNETLINK_V0, 0, 0)
	b = append(b, body...)
	if err := unix.Sendto(t.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("connection table: %w", err)
	}
	return nil
}

// receive reads one piece of an answer. done tells that it was the last; the error may be the kernel's own.
func (t *table) receive(visit func(message []byte) error) (done bool, err error) {
	n, _, err := unix.Recvfrom(t.fd, t.buffer, 0)
	for errors.Is(err, unix.EINTR) {
		n, _, err = unix.Recvfrom(t.fd, t.buffer, 0)
	}
	if err != nil {
		return false, fmt.Errorf("connection table: %w", err)
	}
	for b := t.buffer[:n]; len(b) > 0; {
		if len(b) < unix.NLMSG_HDRLEN {
			return false, errMessage
		}
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return false, errMessage
		}
		body := b[unix.NLMSG_HDRLEN:size]
		switch kind, serial := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint32(b[8:]); {
		case serial != t.serial: // an answer that nobody waits for
		case kind == unix.NLMSG_ERROR:
			if len(body) < 4 {
				return false, errMessage
			}
			if code := int32(binary.NativeEndian.Uint32(body)); code != 0 {
				return true, fmt.Errorf("connection table: %w", unix.Errno(-code))
			}
			return true, nil
		case kind == unix.NLMSG_DONE:
			return true, nil
		default:
			if err := visit(body); err != nil {
				return false, err
			}
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return false, nil
}
