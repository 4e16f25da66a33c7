package nft

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"rampart/bench/lab"
)

// Somebody changes our table while an older one is being replaced, right after the first, the second, … of the commits that
// takes. Either the change is undone before Apply returns, or the table is known to be another one than was left there.
func TestForeignChangeWithinReplacement(t *testing.T) {
	l := lab.ForTest(t)
	meddled := 0
	for after := range 9 {
		ns, err := l.Namespace(fmt.Sprint("n", after))
		must(t, err)
		b, err := New(Config{NetNS: ns.FD(), Shared: true})
		must(t, err)
		defer b.Close()
		_, err = b.Apply(t.Context(), hostProgram(2))
		must(t, err)
		whole := rulesIn(t, ns)

		_, err = b.Apply(t.Context(), hostProgram(1))
		must(t, err)
		b.state = nil
		done := meddle(t, ns, after)
		_, err = b.Apply(t.Context(), hostProgram(2))
		must(t, err)
		if done() {
			meddled++
		}

		generation, err := b.conn.GetGen()
		must(t, err)
		trusted := b.state != nil && b.state.generation == generation.ID
		if n := rulesIn(t, ns); trusted && n != whole {
			t.Errorf("a rule added after commit %d: the table has %d rules, not %d, and is taken for what was left there", after+1, n, whole)
		}
		if _, err = b.Apply(t.Context(), hostProgram(2)); err != nil {
			t.Errorf("a rule added after commit %d: the next change: %v", after+1, err)
		}
		if n := rulesIn(t, ns); n != whole {
			t.Errorf("a rule added after commit %d: after the next change the table has %d rules, want %d", after+1, n, whole)
		}
	}
	if meddled < 4 {
		t.Errorf("only %d of the foreign changes were made", meddled)
	}
}

func rulesIn(t *testing.T, ns *lab.Namespace) int {
	t.Helper()
	list, err := dumpRules(ns.FD(), "rampart")
	must(t, err)
	return len(list)
}

// meddle adds a rule to a plain chain of our table as soon as one more commit than the given number is announced. The function
// it returns waits for that, and tells whether there was such a chain.
func meddle(t *testing.T, ns *lab.Namespace, after int) func() bool {
	t.Helper()
	other, err := nftables.New(nftables.WithNetNSFd(ns.FD()), nftables.AsLasting())
	must(t, err)
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: ns.FD()})
	must(t, err)
	must(t, c.SetReadBuffer(watchBuffer))
	must(t, c.JoinGroup(unix.NFNLGRP_NFTABLES))
	result := make(chan bool)
	go func() {
		defer close(result)
		commits := 0
		for commits <= after {
			messages, err := c.Receive()
			if err != nil {
				return
			}
			for _, m := range messages {
				if int(m.Header.Type)&0xff == unix.NFT_MSG_NEWGEN {
					commits++
				}
			}
		}
		chains, err := other.ListChainsOfTableFamily(nftables.TableFamilyINet)
		if err != nil {
			return
		}
		for _, chain := range chains {
			if chain.Table.Name == "rampart" && chain.Hooknum == nil {
				other.AddRule(&nftables.Rule{Table: chain.Table, Chain: chain, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}})
				result <- other.Flush() == nil
				return
			}
		}
	}()
	return func() bool {
		_ = c.SetReadDeadline(time.Now().Add(time.Second / 10))
		done := <-result
		_ = c.Close()
		_ = other.CloseLasting()
		return done
	}
}
