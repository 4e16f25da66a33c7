package nft

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/florianl/go-nflog/v2"
	"golang.org/x/sys/unix"

	"rampart/engine/ir"
	"rampart/nft/lower"
)

// WatchFlows reports the packets that Log rules send to NFLOG, one at a time. It listens while a program with Log rules
// is in force, to the group that program names. It returns when ctx is done, or with an error when the group
// cannot be listened to.
func (b *Backend) WatchFlows(ctx context.Context, flow func(ir.Flow)) error {
	links, err := newLinkNames(b.config.NetNS)
	if err != nil {
		return fmt.Errorf("nflog: %w", err)
	}
	defer links.close()
	for {
		group, changed := b.logGroup()
		if group < 0 {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		if err := b.listen(ctx, uint16(group), changed, links, flow); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// logGroup is the NFLOG group of the program in force, -1 when nothing logs, and a channel that is closed when it changes.
func (b *Backend) logGroup() (int, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.group, b.groupChanged
}

// setLogGroup tells listeners about the group of a program; the caller holds the lock.
func (b *Backend) setLogGroup(group int) {
	if b.group != group {
		b.group = group
		close(b.groupChanged)
		b.groupChanged = make(chan struct{})
	}
}

// flowBuffer is room for a burst of log packets; what does not fit is lost, as with any log.
const flowBuffer = 8 << 20

// listen reads one group until ctx is done, the group changes, or reading fails.
func (b *Backend) listen(ctx context.Context, group uint16, changed <-chan struct{}, links *linkNames, flow func(ir.Flow)) error {
	n, err := nflog.Open(&nflog.Config{NetNS: b.config.NetNS, Group: group, Copymode: nflog.CopyPacket, Bufsize: 1 << 16})
	if err != nil {
		return fmt.Errorf("nflog group %d: %w", group, err)
	}
	if err := n.Con.SetReadBuffer(flowBuffer); err != nil {
		return errors.Join(err, n.Close())
	}
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	hook := func(a nflog.Attribute) int {
		if reading.Err() != nil {
			return 1
		}
		flow(flowOf(a, links))
		return 0
	}
	onError := func(err error) int {
		switch {
		case reading.Err() != nil:
			return 1
		case errors.Is(err, unix.ENOBUFS):
			b.config.Logger.Warn("log packets were lost", "group", group)
			return 0
		}
		failed <- err
		return 1
	}
	if err := n.RegisterWithErrorFunc(reading, hook, onError); err != nil {
		cancel()
		return errors.Join(fmt.Errorf("nflog group %d: %w", group, err), n.Close())
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case err = <-failed:
		err = fmt.Errorf("nflog group %d: %w", group, err)
	}
	cancel()
	return errors.Join(err, n.Close())
}

// flowOf turns a log packet into a Flow. The rule's identifier is the end of the prefix.
func flowOf(a nflog.Attribute, links *linkNames) ir.Flow {
	f := ir.Flow{Time: time.Now()}
	if a.Timestamp != nil {
		f.Time = *a.Timestamp
	}
	if a.Prefix != nil {
		f.Prefix = *a.Prefix
		if id, ok := lower.ParseID(f.Prefix); ok {
			f.Rule = id
			f.Prefix = f.Prefix[:strings.LastIndex(f.Prefix, "#")]
		}
		f.Prefix = strings.TrimSpace(f.Prefix)
	}
	if a.InDev != nil {
		f.In = links.name(*a.InDev)
	}
	if a.OutDev != nil {
		f.Out = links.name(*a.OutDev)
	}
	if a.Payload != nil {
		if p, n, ok := parsePacket(*a.Payload); ok {
			f.Packet, f.Length = p, n
		}
	}
	return f
}
