package xdp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rampart/bench/lab"
	"rampart/model"
	"rampart/xdp"
	"rampart/xdp/bpf"
	"rampart/xdp/xsk"
)

// inbox is a UDP socket of the firewall.
type inbox struct {
	t    *testing.T
	conn net.PacketConn
}

func (r *rig) inbox(t *testing.T, port int) *inbox {
	t.Helper()
	in := &inbox{t: t}
	err := r.top.Firewall.Do(func() (err error) {
		in.conn, err = net.ListenUDP("udp", &net.UDPAddr{Port: port})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.conn.Close() })
	control, err := in.conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = control.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20) })
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// ask sends the firewall a datagram from each of n source ports.
func (r *rig) ask(t *testing.T, first, n, port int) {
	t.Helper()
	err := r.peer.Do(func() (err error) {
		for i := range n {
			c, dialErr := net.DialUDP("udp", &net.UDPAddr{Port: first + i}, &net.UDPAddr{IP: r.host(4).AsSlice(), Port: port})
			if dialErr != nil {
				return dialErr
			}
			_, writeErr := fmt.Fprint(c, first+i)
			err = errors.Join(err, writeErr, c.Close())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// receive takes n datagrams, each from another source.
func (in *inbox) receive(n int) {
	in.t.Helper()
	seen := map[string]bool{}
	buf := make([]byte, 100)
	_ = in.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	for len(seen) < n {
		k, from, err := in.conn.ReadFrom(buf)
		if err != nil {
			in.t.Fatalf("%d of %d packets arrived: %v", len(seen), n, err)
		}
		if said := string(buf[:k]); seen[said] || !strings.HasSuffix(from.String(), ":"+said) {
			in.t.Fatalf("%q from %v, before %v", said, from, seen[said])
		}
		seen[string(buf[:k])] = true
	}
}

// wrapped is xsk.Open with the receiving socket, the sending one, or both wrapped.
func wrapped(rx, tx func(xsk.Socket) xsk.Socket) func(xsk.Config) (xsk.Socket, error) {
	var inside xsk.Socket // of the one queue
	return func(c xsk.Config) (xsk.Socket, error) {
		wrap := rx
		if c.Share != nil {
			c.Share, wrap = inside, tx
		}
		s, err := xsk.Open(c)
		if c.Share == nil {
			inside = s
		}
		if err == nil && wrap != nil {
			s = wrap(s)
		}
		return s, err
	}
}

// stalled is a socket whose owner gets stuck in it until it is let go.
type stalled struct {
	xsk.Socket
	hold *atomic.Bool
}

func (s stalled) Receive(out []xsk.Desc) int {
	for s.hold.Load() {
		time.Sleep(time.Millisecond)
	}
	return s.Socket.Receive(out)
}

// When a worker is stuck and its rings are full, packets go to nftables, counted; or they are dropped, if so configured.
// When the worker goes on it deals with what it has.
func TestFullRings(t *testing.T) {
	for _, drop := range []bool{false, true} {
		t.Run(fmt.Sprintf("drop %v", drop), func(t *testing.T) {
			hold := &atomic.Bool{}
			r := newRig(t, xdp.Config{Frames: 64, DropOnOverload: drop, Open: wrapped(func(s xsk.Socket) xsk.Socket { return stalled{s, hold} }, nil)})
			r.apply(hostPolicy(allowUDP))
			hold.Store(true)
			time.Sleep(50 * time.Millisecond) // the worker looks at its ring at least that often
			prober, err := lab.NewProber(r.top)
			if err != nil {
				t.Fatal(err)
			}
			defer prober.Close()
			probes := make([]lab.Probe, 200)
			for i := range probes {
				probes[i] = lab.Probe{From: "client", Packet: model.Packet{Src: r.peer.Addr(4), Dst: r.host(4), Protocol: model.ProtoUDP,
					SrcPort: uint16(1000 + i), DstPort: 9}}
			}
			arrived, err := prober.Send(probes...)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, at := range arrived {
				if at != "" {
					n++
				}
			}
			s := r.status()
			if drop {
				if n != 0 || s.Events[bpf.OverloadDropped] != 136 {
					t.Errorf("%d packets arrived, %d dropped, want 0 and 136", n, s.Events[bpf.OverloadDropped])
				}
			} else if n != 136 || s.Events[bpf.OverloadPassed] != 136 {
				t.Errorf("%d packets arrived, %d passed, want 136", n, s.Events[bpf.OverloadPassed])
			}
			if s.Sockets[0].RxDropped != 0 {
				t.Errorf("%d packets lost in the socket", s.Sockets[0].RxDropped)
			}
			hold.Store(false)
			r.eventually("the worker to go on", func() bool { return r.status().Judged == 64 })
			prober.Settle = func() error { return settled(r.fast) }
			arrived, err = prober.Send(probes[:40]...)
			if err != nil {
				t.Fatal(err)
			}
			for i, at := range arrived {
				if at == "" {
					t.Errorf("packet %d was lost after the worker went on", i)
				}
			}
		})
	}
}

// broken is a socket that fails when it is told to.
type broken struct {
	xsk.Socket
	fail *atomic.Bool
}

func (s broken) Wake() error {
	if s.fail.Load() {
		return errors.New("out of order")
	}
	return s.Socket.Wake()
}

// A worker that fails costs speed, not connections: its interface is detached, and the status says why.
func TestFailedWorker(t *testing.T) {
	fail := &atomic.Bool{}
	r := newRig(t, xdp.Config{Open: wrapped(func(s xsk.Socket) xsk.Socket { return broken{s, fail} }, nil)})
	r.apply(hostPolicy(allowTCP))
	r.echoServer(7)
	before, err := r.dial(4, 7)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	exchange(t, before, 1000)
	fail.Store(true)
	r.eventually("giving up", func() bool { return r.status().Mode == "" })
	if s := r.status().String(); !strings.Contains(s, "out of order") {
		t.Errorf("status %q does not say why", s)
	}
	exchange(t, before, 1000)
	after, err := r.dial(4, 7)
	if err != nil {
		t.Fatal(err)
	}
	after.Close()
	if !r.refused(4, 8) {
		t.Error("policy is not in force")
	}
}

// What workers have been given they deal with before the fast path lets go of an interface.
func TestWorkersDrain(t *testing.T) {
	hold := &atomic.Bool{}
	r := newRig(t, xdp.Config{Frames: 512, Open: wrapped(func(s xsk.Socket) xsk.Socket { return stalled{s, hold} }, nil)})
	r.apply(hostPolicy(allowUDP))
	in := r.inbox(t, 9)
	hold.Store(true)
	time.Sleep(50 * time.Millisecond) // the worker looks at its ring at least that often
	const packets = 300               // several batches
	r.ask(t, 10_000, packets, 9)
	if s := r.status(); s.Events[bpf.Redirected] != packets || s.Judged != 0 {
		t.Fatalf("%d packets given to the worker, %d judged; want %d and none", s.Events[bpf.Redirected], s.Judged, packets)
	}
	cleared := make(chan error)
	go func() { cleared <- r.fast.Clear(context.Background()) }()
	// The program is told to leave packets alone before the worker is stopped.
	time.Sleep(50 * time.Millisecond)
	r.ask(t, 20_000, 1, 9)
	in.receive(1)
	hold.Store(false)
	if err := <-cleared; err != nil {
		t.Fatal(err)
	}
	in.receive(packets)
}

// retaining is a sending socket that does not give frames back while it is told so.
type retaining struct {
	xsk.Socket
	hold *atomic.Bool
}

func (s retaining) Complete(out []xsk.Desc) int {
	if s.hold.Load() {
		return 0
	}
	return s.Socket.Complete(out)
}

// When all frames are on their way to the stack, packets go to nftables, counted, and none is lost.
func TestExhaustedFrames(t *testing.T) {
	hold := &atomic.Bool{}
	r := newRig(t, xdp.Config{Frames: 64, Open: wrapped(nil, func(s xsk.Socket) xsk.Socket { return retaining{s, hold} })})
	r.apply(hostPolicy(allowUDP))
	in := r.inbox(t, 9)
	hold.Store(true)
	r.ask(t, 20_000, 300, 9)
	in.receive(300)
	time.Sleep(200 * time.Millisecond) // a worker that has nothing to do puts its account straight
	r.ask(t, 20_300, 100, 9)
	in.receive(100)
	s := r.status()
	if s.Judged != 64 || s.Events[bpf.OverloadPassed] != 400-64 || s.Lost != 0 || s.Sockets[0].RxDropped != 0 {
		t.Errorf("%d judged, %d passed, %d lost, %d dropped; want 64, %d and none", s.Judged, s.Events[bpf.OverloadPassed], s.Lost,
			s.Sockets[0].RxDropped, 400-64)
	}
	hold.Store(false)
	r.eventually("the frames to come back", func() bool {
		before := r.status().Judged
		r.ask(t, 30_000, 1, 9)
		in.receive(1)
		return r.status().Judged > before
	})
}

// The private interfaces that packets are given back through go away: nftables decides alone.
func TestPrivateInterfacesRemoved(t *testing.T) {
	r := newRig(t, xdp.Config{})
	r.apply(hostPolicy(allowTCP))
	r.echoServer(7)
	eth0, err := r.top.Firewall.Links().LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("rmpt%dn", eth0.Attrs().Index)
	if err := r.top.Firewall.DeleteLink(name); err != nil {
		t.Fatal(err)
	}
	c, err := r.dial(4, 7)
	if err != nil {
		t.Fatalf("%v: %v", err, r.status())
	}
	defer c.Close()
	exchange(t, c, 1000)
	if !r.refused(4, 8) {
		t.Error("policy is not in force")
	}
	// It may have come back by now, with others.
	if s := r.status(); s.Mode != "" {
		if _, err := r.top.Firewall.Links().LinkByName(name); err != nil {
			t.Errorf("attached without a way back: %v", s)
		}
	}
}

// Where the driver cannot run the program the kernel does, behind it: packets that are given back meet it again there.
func TestGenericMode(t *testing.T) {
	r := newRig(t, xdp.Config{})
	r.replug(1, 2) // a veth whose other end has more queues refuses the native mode
	r.apply(hostPolicy(allowTCP) + anythingOut)
	r.echoServer(7)
	if s := r.status(); s.Mode != bpf.Generic {
		t.Fatalf("attached in the wrong mode: %v", s)
	}
	for _, family := range []int{4, 6} {
		for range 5 {
			c, err := r.dial(family, 7)
			if err != nil {
				t.Fatalf("IPv%d: %v: %v", family, err, r.status())
			}
			exchange(t, c, 5000)
			c.Close()
		}
		if !r.refused(family, 8) {
			t.Errorf("IPv%d: connected to a port that policy denies", family)
		}
	}
	if s := r.status(); s.Judged != 12 || s.Denied != 2 || s.Lost != 0 {
		t.Errorf("%d packets judged, %d denied, %d lost; want the first ones of 10 connections and of 2 that are denied", s.Judged, s.Denied, s.Lost)
	}
}

// Every receive queue has a worker with a processor of its own, unless fewer queues are asked for: what arrives on the
// others nftables decides.
func TestQueues(t *testing.T) {
	for _, tc := range []struct{ asked, workers int }{{0, 2}, {1, 1}, {2, 2}, {7, 2}} {
		t.Run(fmt.Sprint(tc.asked), func(t *testing.T) {
			r := newRig(t, xdp.Config{Queues: tc.asked, DropOnOverload: true})
			r.replug(2, 2)
			r.eventually("workers of earlier tests to end", func() bool { return len(pinned(t)) == 0 })
			r.apply(hostPolicy(allowUDP))
			in := r.inbox(t, 9)
			if s := r.status(); s.Mode != bpf.Native || s.Queues != tc.workers {
				t.Fatalf("%v, want %d queues", s, tc.workers)
			}
			r.ask(t, 10_000, 200, 9)
			in.receive(200)
			judged := r.fast.JudgedBy("eth0")
			total := uint64(0)
			for q, n := range judged {
				if total += n; n < 40 {
					t.Errorf("the worker of queue %d judged %d of 200 packets", q, n)
				}
			}
			if undecided := r.status().Events[bpf.Undecided]; total+undecided != 200 || (undecided == 0) != (tc.workers == 2) {
				t.Errorf("workers judged %v of 200 packets, %d were passed undecided", judged, undecided)
			}
			if processors := pinned(t); runtime.NumCPU() > 1 && len(processors) != tc.workers {
				t.Errorf("workers are pinned to the processors %v, want %d of them, a worker each", processors, tc.workers)
			}
		})
	}
}

// The process's first thread stays with the main goroutine. A worker that had it would leave it pinned, since that thread does not
// end with its goroutine, and pinned would take its processors for those of all.
func init() { runtime.LockOSThread() }

// pinned counts the threads that may run on some processors only, by these.
func pinned(t *testing.T) map[string]int {
	t.Helper()
	allowed := func(status string) string {
		b, err := os.ReadFile(status)
		if err != nil {
			return "" // it has ended
		}
		_, after, _ := strings.Cut(string(b), "Cpus_allowed_list:")
		list, _, _ := strings.Cut(after, "\n")
		return strings.TrimSpace(list)
	}
	all := allowed("/proc/self/status")
	threads, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, thread := range threads {
		if list := allowed(thread); list != "" && list != all {
			count[list]++
		}
	}
	return count
}
