package bpf

import (
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"rampart/bench/lab"
)

// tracked is a namespace with conntrack, and notes of it.
func tracked(t testing.TB) (*lab.Namespace, *Notes) {
	t.Helper()
	n := withConntrack(t)
	var notes *Notes
	if err := n.Do(func() (err error) { notes, err = NewNotes(); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := notes.Close(); err != nil {
			t.Error(err)
		}
	})
	return n, notes
}

// withConntrack is a namespace with an address on lo, whose packets conntrack sees.
func withConntrack(t testing.TB) *lab.Namespace {
	t.Helper()
	n := namespace(t, newLab(t), "a")
	lo, err := n.Links().LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Links().LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	if err := n.Links().AddrReplace(lo, &netlink.Addr{IPNet: &net.IPNet{IP: net.IP(b4.AsSlice()), Mask: net.CIDRMask(32, 32)}}); err != nil {
		t.Fatal(err)
	}
	conn, err := nftables.New(nftables.WithNetNSFd(n.FD()))
	if err != nil {
		t.Fatal(err)
	}
	// Conntrack is at work where a rule asks for it.
	table := conn.AddTable(&nftables.Table{Name: "t", Family: nftables.TableFamilyINet})
	chain := conn.AddChain(&nftables.Chain{Name: "c", Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: 1}, &expr.Counter{}}})
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	return n
}

// talk sends a UDP packet in a namespace, from an address to itself.
func talk(t testing.TB, n *lab.Namespace, a netip.Addr, sport, dport uint16) {
	t.Helper()
	err := n.Do(func() error {
		from, to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, sport)), net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, dport))
		c, err := net.DialUDP("udp", from, to)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("x"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A new connection leaves two notes, one for either direction, and no more with its further packets.
func TestNotes(t *testing.T) {
	n, notes := tracked(t)
	for i := range 2 {
		talk(t, n, b4, 1000, 2000)
		got := taken(t, notes)
		if len(got) != 2 || got[0] == got[1] {
			t.Errorf("after packet %d: notes at %v, want two places", i+1, got)
		}
	}
}

// taken are the places that have notes, as often as they have some.
func taken(t testing.TB, n *Notes) (places []uint32) {
	t.Helper()
	var key, count uint32
	all := n.notes.Iterate()
	for all.Next(&key, &count) {
		places = append(places, slices.Repeat([]uint32{key}, int(count))...)
	}
	if err := all.Err(); err != nil {
		t.Fatal(err)
	}
	return places
}

// The proof that conntrack does not know a flow takes two questions and the epochs between them. Then conntrack is asked
// no more until there is a note, and the proof begins anew.
func TestWhenConntrackIsAsked(t *testing.T) {
	n, notes := tracked(t)
	f := load(t, Options{Notes: notes})
	if err := f.Conntrack(); err != nil {
		t.Skipf("conntrack cannot be asked: %v", err)
	}
	const sport, dport = 1000, 2000
	if err := f.Remember([]Flow{NewFlow(b4, b4, sport, dport, 17)}, []Verdict{{7, 3}}); err != nil {
		t.Fatal(err)
	}
	packet := frame(t, udp(b4, b4, sport, dport), nil)
	deny := func(want Event, packets int) (asked uint64) {
		t.Helper()
		return askedAbout(t, f, packet, want, packets)
	}
	proven := func() {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); deny(CachedDeny, 1) > 0; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("conntrack is asked about every packet")
			}
		}
	}
	err := n.Do(func() error {
		defer onOneCPU(t)()
		proven()
		// Another connection's note is at another place.
		talk(t, n, b4, sport+1, dport)
		proven()
		talk(t, n, b4, sport, dport)
		if asked := deny(Established, 3); asked != 3 {
			t.Errorf("conntrack was asked %d times about 3 packets of a connection", asked)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// askedAbout sends packets at once and tells how often conntrack was asked.
func askedAbout(t *testing.T, f *FastPath, packet []byte, want Event, packets int) uint64 {
	t.Helper()
	before, err := f.Asked()
	if err != nil {
		t.Fatal(err)
	}
	for range packets {
		if got, _ := eventOf(t, f, packet); got != want {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	after, err := f.Asked()
	if err != nil {
		t.Fatal(err)
	}
	return after - before
}

// The proof takes three epochs, wherever in its 16 bits of their number it begins, and conntrack is asked until it is there.
func TestProofsTakeThreeEpochs(t *testing.T) {
	n := withConntrack(t)
	notes := &Notes{} // without a clock: epochs pass when the test says so
	if err := n.Do(notes.open); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := notes.close(); err != nil {
			t.Error(err)
		}
	})
	f := load(t, Options{Notes: notes})
	if err := f.Conntrack(); err != nil {
		t.Skipf("conntrack cannot be asked: %v", err)
	}
	err := n.Do(func() error {
		defer onOneCPU(t)()
		for i, begin := range []uint32{0, 1, 1<<16 - 4, 1<<16 - 3, 1<<16 - 1, 1 << 16, 3<<16 + 5, 1<<32 - 2} {
			sport := uint16(1000 + i)
			if err := f.Remember([]Flow{NewFlow(b4, b4, sport, 2000, 17)}, []Verdict{{7, 3}}); err != nil {
				return err
			}
			packet := frame(t, udp(b4, b4, sport, 2000), nil)
			notes.epoch.wanted.Store(0)
			for passed := range uint32(4) {
				notes.epoch.number.Store(begin + passed)
				for range 2 {
					if askedAbout(t, f, packet, CachedDeny, 1) == 0 {
						if passed < 3 {
							t.Errorf("begun in epoch %d: proven after %d epochs", begin, passed)
						}
						break
					}
				}
				if passed == 0 && notes.epoch.wanted.Load() != 1 {
					t.Errorf("begun in epoch %d: no epochs are wanted", begin)
				}
			}
			asked := uint64(1)
			for try := 0; asked > 0 && try < 10; try++ { // it is asked again at the end of a lease
				asked = askedAbout(t, f, packet, CachedDeny, 1)
			}
			if asked > 0 {
				t.Errorf("begun in epoch %d: not proven after 3 epochs", begin)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A denial that does not depend on conntrack is never asked about, with notes or without.
func TestFinalDenialsAreNotAskedAbout(t *testing.T) {
	n, notes := tracked(t)
	for _, o := range []Options{{}, {Notes: notes}} {
		f := load(t, o)
		if err := f.Remember([]Flow{NewFlow(b4, b4, 1000, 2000, 17)}, []Verdict{{7, 3 | Final}}); err != nil {
			t.Fatal(err)
		}
		talk(t, n, b4, 1000, 2000)
		for range 3 {
			if got, _ := eventOf(t, f, frame(t, udp(b4, b4, 1000, 2000), nil)); got != CachedDeny {
				t.Errorf("%v, want cached-deny", got)
			}
		}
		if asked, err := f.Asked(); err != nil || asked != 0 {
			t.Errorf("asked %d times (%v)", asked, err)
		}
	}
}

// More flows than there are places for recent denials are denied all the same, each under its own rule.
func TestMoreFlowsThanPlaces(t *testing.T) {
	f := load(t, Options{Slots: 8})
	const flows = 10_000
	var keys []Flow
	var verdicts []Verdict
	for i := range flows {
		keys = append(keys, NewFlow(b4, a4, uint16(i), uint16(i%8), 17))
		verdicts = append(verdicts, Verdict{7, uint32(i%8) | Final})
	}
	if err := f.Remember(keys, verdicts); err != nil {
		t.Fatal(err)
	}
	defer onOneCPU(t)()
	for range 2 {
		for i := range flows {
			if code := run(t, f, frame(t, udp(b4, a4, uint16(i), uint16(i%8)), nil)); code != drop {
				t.Fatalf("flow %d: code %d, want drop", i, code)
			}
		}
	}
	denied, err := f.Denied(8)
	if err != nil {
		t.Fatal(err)
	}
	for slot, c := range denied {
		if c.Packets != 2*flows/8 {
			t.Errorf("slot %d counted %d packets, want %d", slot, c.Packets, 2*flows/8)
		}
	}
}

// A recent denial does not outlive the program it comes from, nor the verdict of the program that follows.
func TestRecentDenialsOfOlderPrograms(t *testing.T) {
	f := load(t, Options{Slots: 8})
	flow, packet := NewFlow(b4, a4, 1, 2, 17), frame(t, udp(b4, a4, 1, 2), nil)
	defer onOneCPU(t)()
	for generation, v := range []Verdict{{0, 3 | Final}, {1, 4 | Final}, {2, Allow}, {3, 3 | Final}} {
		f.SetGeneration(uint32(generation))
		if got, _ := eventOf(t, f, packet); got != Undecided && generation > 0 {
			t.Errorf("before the verdict of program %d: %v, want undecided", generation, got)
		}
		if err := f.Remember([]Flow{flow}, []Verdict{v}); err != nil {
			t.Fatal(err)
		}
		want := CachedDeny
		if v.Slot == Allow {
			want = CachedAllow
		}
		for range 3 {
			if got, _ := eventOf(t, f, packet); got != want {
				t.Errorf("program %d: %v, want %v", generation, got, want)
			}
		}
	}
}

// onOneCPU keeps the thread on one CPU until restored, since recent denials are each CPU's own.
func onOneCPU(t testing.TB) (restore func()) {
	t.Helper()
	runtime.LockOSThread()
	var was, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &was); err != nil {
		t.Fatal(err)
	}
	cpu := 0
	for !was.IsSet(cpu) {
		cpu++
	}
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	return func() {
		_ = unix.SchedSetaffinity(0, &was)
		runtime.UnlockOSThread()
	}
}
