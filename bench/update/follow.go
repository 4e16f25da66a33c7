package main

import (
	"context"
	"errors"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// firstCommits asks for the generation of the ruleset until it has been another one than at first and has not changed for three
// seconds. It tells when it changed last, give or take a millisecond, and samples the processor time then. Nobody listens to
// announcements meanwhile: of the tens of thousands of objects that a start makes, the kernel would announce each.
func firstCommits(ctx context.Context, netns int, sample func() time.Duration) (last time.Time, cpu time.Duration, err error) {
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(netns))
	if err != nil {
		return last, 0, err
	}
	defer conn.CloseLasting()
	began := time.Now()
	var at uint32
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		gen, err := conn.GetGen()
		now := time.Now()
		switch {
		case err != nil:
			return last, 0, err
		case at == 0:
			at = gen.ID
		case gen.ID != at:
			at, last, cpu = gen.ID, now, sample()
		case last.IsZero() && now.Sub(began) > 5*time.Minute:
			return last, 0, errors.New("nothing is in force after five minutes")
		case !last.IsZero() && now.Sub(last) > 3*time.Second:
			return last, cpu, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last, 0, ctx.Err()
		}
	}
}

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
