package xdp

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"rampart/bench/lab"
)

// Interfaces that come and go while the fast path looks around do not make it give up: the kernel says then that a list of
// them is not whole.
func TestSurveyAmongChanges(t *testing.T) {
	if err := lab.Require(); err != nil {
		t.Skip(err)
	}
	runtime.LockOSThread() // for good: the thread ends with the test, and its network namespace with it
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	links, err := netlink.NewHandleAt(ns)
	if err != nil {
		t.Fatal(err)
	}
	defer links.Close()
	pair := func(n int) *netlink.Veth {
		return &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "a" + strconv.Itoa(n)}, PeerName: "b" + strconv.Itoa(n)}
	}
	const many = 40 // so that a list takes several messages
	for n := range many {
		if err := links.LinkAdd(pair(n)); err != nil {
			t.Fatal(err)
		}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := links.LinkAdd(pair(many)); err != nil {
				t.Error(err)
				return
			}
			if err := links.LinkDel(pair(many)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	interrupted := 0
	o := observer{wanted: func(*surroundings) []string { return nil }}
	for tries := 0; interrupted < 3 && tries < 1000; tries++ {
		if _, err := netlink.LinkList(); err != nil {
			interrupted++
		}
		if _, err := o.survey(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	<-stopped
	if interrupted == 0 {
		t.Error("no list was interrupted, so nothing has been seen")
	}
}
