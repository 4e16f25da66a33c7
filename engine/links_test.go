package engine

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rampart/engine/compile"
	"rampart/model"
)

// fakeLinks are interfaces that a test sets.
type fakeLinks struct {
	mu      sync.Mutex
	links   []compile.Interface
	err     error
	asked   int
	changed func()
}

func (l *fakeLinks) Interfaces() ([]compile.Interface, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	return l.links, l.err
}

func (l *fakeLinks) Watch(ctx context.Context, changed func()) error {
	l.mu.Lock()
	l.changed = changed
	l.mu.Unlock()
	<-ctx.Done()
	return nil
}

func (l *fakeLinks) set(err error, links ...compile.Interface) {
	l.mu.Lock()
	l.links, l.err = links, err
	changed := l.changed
	l.mu.Unlock()
	if changed != nil {
		changed()
	}
}

func TestHostEndpointFollowsItsAddress(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		addr := netip.MustParseAddr("192.0.2.1")
		links := &fakeLinks{}
		links.set(nil, compile.Interface{Name: "eth7", Addrs: []netip.Addr{addr}})
		r := newRig(t).good()
		byAddress := world("a", "1")
		byAddress.Resources[0].(*model.HostEndpoint).Spec.InterfaceName = ""
		byAddress.Resources[0].(*model.HostEndpoint).Spec.ExpectedIPs = []netip.Addr{addr}
		r.a.set(byAddress)
		r.start(func(c *Config) { c.Links = links })
		r.settle()
		guarded := func() (names string) {
			for _, ep := range r.nft.inForce.Endpoints {
				if ep.Key.Name == "a-eth0" {
					names += ep.Interface
				}
			}
			return names
		}
		if got := guarded(); got != "eth7" {
			t.Errorf("guards %q, want eth7", got)
		}
		links.set(nil, compile.Interface{Name: "eth8", Addrs: []netip.Addr{addr}})
		r.settle()
		if got := guarded(); got != "eth8" {
			t.Errorf("guards %q, want eth8", got)
		}
		// When the interfaces cannot be read, those known before stay.
		links.set(errors.New("no buffer space"))
		r.settle()
		if got := guarded(); got != "eth8" {
			t.Errorf("guards %q, want eth8", got)
		}
	})
}

// TestLinksDoNotMatterToOthers has thousands of workloads come and go on a host whose endpoints have interface names.
func TestLinksDoNotMatterToOthers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		links := &fakeLinks{}
		r := newRig(t).good().start(func(c *Config) { c.Links = links })
		r.settle()
		for range 1000 {
			links.set(nil)
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		if links.asked > 0 || len(r.nft.history()) != 1 {
			t.Errorf("interfaces were read %d times, %d programs applied", links.asked, len(r.nft.history()))
		}
	})
}

// TestKernelLinks reads the interfaces of this process's namespace; every namespace has lo.
func TestKernelLinks(t *testing.T) {
	all, err := KernelLinks{}.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		if len(l.Addrs) == 0 || l.Name == "" {
			t.Errorf("interface %+v", l)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = KernelLinks{}.Watch(ctx, cancel) // the first call comes when the subscription stands
	if err != nil {
		t.Errorf("Watch: %v", err)
	}
}
