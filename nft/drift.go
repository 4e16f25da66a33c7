package nft

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/nftables/binaryutil"
	"github.com/mdlayher/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// WatchDrift calls drifted each time another process has changed our table, with a few words on who did what. The next
// Apply then replaces the table. It returns when ctx is done, or with an error when the kernel's notifications cannot be
// had.
//
// Every commit to nf_tables is announced to the multicast group NFNLGRP_NFTABLES: one message per object, then
// NFT_MSG_NEWGEN. A socket filter keeps out the announcements of our own commits, which can be large. To make them takes the
// kernel as long as a good part of the commit, and it does so only if somebody listens. So watching begins when a table is in
// force, and only if others can change it.
func (b *Backend) WatchDrift(ctx context.Context, drifted func(what string)) error {
	select {
	case <-b.exposed:
	case <-ctx.Done():
		return nil
	}
	c, err := b.subscribe()
	if err != nil {
		return fmt.Errorf("watch nftables for changes: %w", err)
	}
	defer c.Close()
	unseen, err := b.beginWatching()
	if err != nil {
		return fmt.Errorf("watch nftables for changes: %w", err)
	}
	defer b.setWatching(false)
	if unseen {
		drifted("a change before it was watched for")
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Now().Add(-time.Second)) })
	defer stop()

	var seen change
	for {
		messages, err := c.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			if b.noteDrift() {
				drifted("more changes than could be followed")
			}
			continue
		case err != nil:
			return fmt.Errorf("watch nftables for changes: %w", err)
		}
		for _, m := range messages {
			if seen.add(m, b.config.Table); !seen.complete {
				continue
			}
			if seen.what != "" && b.noteDrift() {
				drifted(seen.String())
			}
			seen = change{}
		}
	}
}

// subscribe opens a socket for what others announce. It holds our own port's number in a filter, so it must be made while
// the backend's connection lives.
func (b *Backend) subscribe() (_ *netlink.Conn, err error) {
	port, err := b.conn.GetPortID()
	if err != nil {
		return nil, err
	}
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: b.config.NetNS})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	filter, err := bpf.Assemble(notFrom(port))
	if err != nil {
		return nil, err
	}
	if err := c.SetBPF(filter); err != nil {
		return nil, err
	}
	if err := c.SetReadBuffer(watchBuffer); err != nil {
		return nil, err
	}
	return c, c.JoinGroup(unix.NFNLGRP_NFTABLES)
}

// watchBuffer holds the announcements of a foreign commit of some ten thousand objects.
const watchBuffer = 16 << 20

// notFrom is a socket filter that drops messages whose nlmsg_pid, 12 octets into struct nlmsghdr, is the port.
func notFrom(port uint32) []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 12, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: binary.BigEndian.Uint32(binaryutil.NativeEndian.PutUint32(port)), SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 30},
		bpf.RetConstant{Val: 0},
	}
}

// expose lets WatchDrift begin if others can change the table in force. The caller holds the lock.
func (b *Backend) expose() {
	select {
	case <-b.exposed:
	default:
		if b.state == nil || b.state.owner == 0 {
			close(b.exposed)
		}
	}
}

// beginWatching notes that changes are announced to us from now on. Before, there may have been some: it tells whether the
// ruleset is another one than we have left.
func (b *Backend) beginWatching() (unseen bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	gen, err := b.conn.GetGen()
	if err != nil {
		return false, err
	}
	b.watching = true
	unseen = b.state != nil && b.state.owner == 0 && b.state.generation != gen.ID
	b.drifted = b.drifted || unseen
	return unseen, nil
}

func (b *Backend) setWatching(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watching = on
}

// noteDrift distrusts the table, unless nobody but us can have changed it.
func (b *Backend) noteDrift() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == nil {
		return false // nothing is in force yet, or the table is to be replaced anyhow
	}
	b.drifted = true
	return true
}

// change gathers what one foreign commit did to our table.
type change struct {
	what     string
	count    int
	by       string
	complete bool
}

func (c *change) String() string {
	more := ""
	if c.count > 1 {
		more = fmt.Sprintf(" and %d more changes", c.count-1)
	}
	return c.what + more + c.by
}

// objects are the names of message types, by pairs of new and delete.
var objects = map[int]string{
	unix.NFT_MSG_NEWTABLE: "table", unix.NFT_MSG_NEWCHAIN: "chain", unix.NFT_MSG_NEWRULE: "rule", unix.NFT_MSG_NEWSET: "set",
	unix.NFT_MSG_NEWSETELEM: "element", unix.NFT_MSG_NEWOBJ: "object", unix.NFT_MSG_NEWFLOWTABLE: "flowtable",
}

var deletions = map[int]int{
	unix.NFT_MSG_DELTABLE: unix.NFT_MSG_NEWTABLE, unix.NFT_MSG_DELCHAIN: unix.NFT_MSG_NEWCHAIN,
	unix.NFT_MSG_DELRULE: unix.NFT_MSG_NEWRULE, unix.NFT_MSG_DELSET: unix.NFT_MSG_NEWSET,
	unix.NFT_MSG_DELSETELEM: unix.NFT_MSG_NEWSETELEM, unix.NFT_MSG_DELOBJ: unix.NFT_MSG_NEWOBJ,
	unix.NFT_MSG_DELFLOWTABLE: unix.NFT_MSG_NEWFLOWTABLE,
}

// add takes in one announcement.
func (c *change) add(m netlink.Message, table string) {
	kind := int(m.Header.Type) & 0xff
	if int(m.Header.Type)>>8 != unix.NFNL_SUBSYS_NFTABLES || len(m.Data) < nfgenmsgLen {
		return
	}
	ad, err := netlink.NewAttributeDecoder(m.Data[nfgenmsgLen:])
	if err != nil {
		return
	}
	ad.ByteOrder = binary.BigEndian
	if kind == unix.NFT_MSG_NEWGEN {
		c.complete = true
		c.by = author(ad)
		return
	}
	// In every other message the first attribute is the table's name (NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, …).
	for ad.Next() {
		if ad.Type() != unix.NFTA_TABLE_NAME {
			continue
		}
		if m.Data[0] != unix.NFPROTO_INET || ad.String() != table {
			return
		}
		verb := "added"
		if of, ok := deletions[kind]; ok {
			verb, kind = "deleted", of
		}
		word, ok := objects[kind]
		if !ok {
			word, verb = "object", "changed"
		}
		c.count++
		if c.what == "" {
			c.what = strings.Join([]string{word, verb}, " ")
		}
		return
	}
}

// author is the process that made the commit.
func author(ad *netlink.AttributeDecoder) string {
	var pid uint32
	var name string
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_GEN_PROC_PID:
			pid = ad.Uint32()
		case unix.NFTA_GEN_PROC_NAME:
			name = ad.String()
		}
	}
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" by %s (process %d)", name, pid)
}
