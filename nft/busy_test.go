package nft

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/nftables"

	"rampart/bench/lab"
)

// A neighbour that changes its own table all the time keeps no daemon from replacing the table that one before has left.
func TestBusyNeighbour(t *testing.T) {
	l := lab.ForTest(t)
	ns, err := l.Namespace("a")
	must(t, err)
	var names []string
	for i := range 600 {
		names = append(names, fmt.Sprintf("eth%d", i))
	}
	b := connected(t, ns)
	_, err = b.Apply(t.Context(), hostProgram(1, names...))
	must(t, err)
	if !Owned(b) {
		t.Skip("this kernel has no persistent table owner (Linux 6.9)")
	}
	stop, commits := disturb(t, ns)
	for range 3 {
		must(t, b.Close())
		b = connected(t, ns)
		before := commits()
		if _, err := b.Apply(t.Context(), hostProgram(2, names...)); err != nil {
			t.Errorf("after %d changes of a neighbour: %v", commits()-before, err)
		}
		if commits() == before {
			t.Error("the neighbour has changed nothing")
		}
	}
	stop()
}

// disturb commits changes of another table, one after the other.
func disturb(t *testing.T, ns *lab.Namespace) (stop func(), commits func() int64) {
	t.Helper()
	other, err := nftables.New(nftables.WithNetNSFd(ns.FD()), nftables.AsLasting())
	must(t, err)
	var count atomic.Int64
	quit, done := make(chan struct{}), make(chan error)
	table := &nftables.Table{Name: "other", Family: nftables.TableFamilyINet}
	go func() {
		for {
			select {
			case <-quit:
				done <- nil
				return
			default:
			}
			other.AddTable(table)
			other.DelTable(table)
			if err := other.Flush(); err != nil {
				done <- err
				return
			}
			count.Add(1)
		}
	}()
	return func() {
		close(quit)
		must(t, <-done)
		must(t, other.CloseLasting())
	}, count.Load
}
