package main

import (
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// follower hears of every commit to nf_tables in a namespace.
type follower struct {
	conn    *netlink.Conn
	commits chan time.Time
}

func follow(netns int) (*follower, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: netns})
	if err != nil {
		return nil, err
	}
	if err := c.SetReadBuffer(256 << 20); err != nil {
		return nil, err
	}
	if err := c.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
		return nil, err
	}
	f := &follower{conn: c, commits: make(chan time.Time, 1024)}
	go f.run()
	return f, nil
}

func (f *follower) run() {
	defer close(f.commits)
	for {
		messages, err := f.conn.Receive()
		now := time.Now()
		if err != nil && len(messages) == 0 {
			if err, ok := err.(*netlink.OpError); ok && err.Err == unix.ENOBUFS {
				continue
			}
			return
		}
		for _, m := range messages {
			if int(m.Header.Type) == unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN {
				f.commits <- now
			}
		}
	}
}

// drain forgets what has come.
func (f *follower) drain() {
	for {
		select {
		case <-f.commits:
		default:
			return
		}
	}
}
