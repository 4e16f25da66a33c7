package conntrack

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// table is a connection to the kernel's connection table (nfnetlink, NFNL_SUBSYS_CTNETLINK). It reads message by message:
// libraries hand over the whole table at once, and can neither clear a mark nor change single bits of it.
type table struct{ *socket }

func openTable() (*table, error) {
	s, err := openSocket(unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("connection table: %w", err)
	}
	return &table{s}, nil
}

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
	return appendAttribute(b, kind, binary.BigEndian.AppendUint32(nil, n))
}

// appendAttribute adds an attribute whose value needs no padding.
func appendAttribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	return append(b, value...)
}

func (t *table) send(message uint16, flags uint16, family uint8, body []byte) error {
	header := []byte{family, unix.NFNETLINK_V0, 0, 0}
	if err := t.socket.send(unix.NFNL_SUBSYS_CTNETLINK<<8|message, flags, header, body); err != nil {
		return fmt.Errorf("connection table: %w", err)
	}
	return nil
}

func (t *table) receive(visit func(message []byte) error) (done bool, err error) {
	if done, err = t.socket.receive(visit); err != nil {
		err = fmt.Errorf("connection table: %w", err)
	}
	return done, err
}
