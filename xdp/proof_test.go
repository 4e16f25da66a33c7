package xdp_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"rampart/bench/lab"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/xdp"
	"rampart/xdp/bpf"
	"rampart/xdp/xsk"
)

const (
	allowUDP = "  - {action: Allow, protocol: UDP, destination: {ports: [9]}}\n"
	allowTCP = "  - {action: Allow, protocol: TCP, destination: {ports: [7]}}\n"

	anythingOut = `---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: anything-out}
spec: {selector: side == 'out', types: [Egress], egress: [{action: Allow}]}
`
)

// No packet is judged by a verdict older than a change once Apply has returned: under a flood that fills cache and rings
// nothing more is denied after the change to allow, and nothing more is allowed after the change to deny. nftables is left
// out, so that no connection gets established.
func TestPolicyChangeUnderFlood(t *testing.T) {
	r := newRig(t, xdp.Config{Frames: 256})
	deny, allow := compilePolicy(t, hostPolicy(allowTCP)), compilePolicy(t, hostPolicy(allowUDP))
	r.applyFast(deny)
	stop := r.flood(128, 9)
	defer stop()
	r.eventually("denials from the cache", func() bool { return r.status().Events[bpf.CachedDeny] > 1000 })
	denied := func(i xdp.Interface) uint64 { return i.Denied + i.Events[bpf.CachedDeny] }
	allowed := func(i xdp.Interface) uint64 { return i.Judged - i.Denied + i.Events[bpf.CachedAllow] }
	for round := range 10 {
		r.applyFast(allow)
		before := r.status()
		r.eventually("allowed packets", func() bool { return allowed(r.status()) > allowed(before)+200 })
		if n := denied(r.status()) - denied(before); n != 0 {
			t.Errorf("round %d: %d packets denied after the change to allow", round, n)
		}
		r.applyFast(deny)
		before = r.status()
		r.eventually("denied packets", func() bool { return denied(r.status()) > denied(before)+200 })
		if n := allowed(r.status()) - allowed(before); n != 0 {
			t.Errorf("round %d: %d packets allowed after the change to deny", round, n)
		}
	}
}

// While nftables changes, the fast path decides nothing; then it decides by the new program.
func TestHold(t *testing.T) {
	r := newRig(t, xdp.Config{Frames: 256})
	deny, allow := compilePolicy(t, hostPolicy(allowTCP)), compilePolicy(t, hostPolicy(allowUDP))
	r.applyFast(deny)
	stop := r.flood(128, 9)
	defer stop()
	denied := func(i xdp.Interface) uint64 { return i.Denied + i.Events[bpf.CachedDeny] }
	for round := range 5 {
		r.eventually("denials", func() bool { return denied(r.status()) > 1000 })
		if err := r.fast.Hold(context.Background(), allow); err != nil {
			t.Fatal(err)
		}
		before := r.status()
		r.eventually("packets left to nftables", func() bool { return r.status().Events[bpf.Other] > before.Events[bpf.Other]+1000 })
		if n := denied(r.status()) - denied(before); n != 0 {
			t.Errorf("round %d: %d packets denied while holding", round, n)
		}
		r.applyFast(allow)
		r.eventually("allowed packets", func() bool { return r.status().Events[bpf.CachedAllow] > before.Events[bpf.CachedAllow] })
		if n := denied(r.status()) - denied(before); n != 0 {
			t.Errorf("round %d: %d packets denied by the new program", round, n)
		}
		before = r.status()
		r.applyFast(deny)
		r.eventually("denials again", func() bool { return denied(r.status()) > denied(before)+100 })
	}
}

// What is denied is counted under the rule that denied it, whoever dropped it and under however many programs.
func TestCounters(t *testing.T) {
	r := newRig(t, xdp.Config{})
	p := compilePolicy(t, hostPolicy("  - {action: Deny, protocol: UDP, destination: {ports: [9]}}\n"+allowTCP))
	rule := p.Policies[0].Ingress[0].ID
	r.applyFast(p)
	stop := r.flood(16, 9)
	r.eventually("denials from the cache", func() bool { return r.status().Events[bpf.CachedDeny] > 1000 })
	r.applyFast(compilePolicy(t, hostPolicy("  - {action: Deny, protocol: UDP, destination: {ports: [9]}}\n")))
	r.eventually("more of them", func() bool { return r.status().Events[bpf.CachedDeny] > 3000 })
	stop()
	if err := settled(r.fast); err != nil {
		t.Fatal(err)
	}
	s := r.status()
	counters, err := r.fast.Counters(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c := counters[rule]
	if want := s.Denied + s.Events[bpf.CachedDeny]; c.Packets != want || c.Bytes != 46*want {
		t.Errorf("rule counted %+v, want %d packets of 46 octets", c, want)
	}
	if err := r.fast.Clear(context.Background()); err != nil {
		t.Fatal(err)
	}
	if counters, err = r.fast.Counters(context.Background()); err != nil || counters[rule] != c {
		t.Errorf("after detaching: %+v (%v), want %+v", counters[rule], err, c)
	}
}

// Some denied packets are reported, with what denied them.
func TestFlowsAreReported(t *testing.T) {
	r := newRig(t, xdp.Config{FlowRate: 100})
	p := compilePolicy(t, hostPolicy("  - {action: Deny, protocol: UDP, destination: {ports: [9]}}\n"))
	r.applyFast(p)
	ctx, cancel := context.WithCancel(context.Background())
	reports, ended := make(chan ir.Flow, 1), make(chan error)
	go func() {
		ended <- r.fast.WatchFlows(ctx, func(f ir.Flow) {
			select {
			case reports <- f:
			default:
			}
		})
	}()
	stop := r.flood(128, 9)
	f := <-reports
	stop()
	if want := p.Policies[0].Ingress[0].ID; f.Rule != want || f.In != "eth0" || f.Length != 46 || f.Packet.DstPort != 9 || f.Packet.Dst != r.host(4) ||
		f.Packet.Protocol != model.ProtoUDP {
		t.Errorf("reported %+v, want a packet to port 9 denied by %v", f, want)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A new connection's first packet makes the way through a socket, with the checksum that its local sender left to the
// hardware; what policy denies does not connect; and what the host asks for is answered although policy allows nothing in.
func TestConnectionsThroughTheFastPath(t *testing.T) {
	r := newRig(t, xdp.Config{})
	r.apply(hostPolicy(allowTCP))
	r.echoServer(7)
	r.echoServer(8)
	for _, family := range []int{4, 6} {
		for range 5 {
			c, err := r.dial(family, 7)
			if err != nil {
				t.Fatalf("IPv%d: %v", family, err)
			}
			exchange(t, c, 1000)
			c.Close()
		}
		if !r.refused(family, 8) {
			t.Errorf("IPv%d: connected to a port that policy denies", family)
		}
	}
	s := r.status()
	if s.Judged < 12 || s.Denied < 2 || s.Events[bpf.CachedAllow] == 0 || s.Lost != 0 {
		t.Errorf("%v: %d judged, %d denied, %d allowed from the cache, %d lost", s, s.Judged, s.Denied, s.Events[bpf.CachedAllow], s.Lost)
	}
}

// What the host asks for is answered although policy allows nothing in: with nothing cached, and after a denial of the same
// addresses and ports was cached.
func TestAnswersToTheHost(t *testing.T) {
	r := newRig(t, xdp.Config{})
	r.apply(hostPolicy(allowTCP) + anythingOut)
	const here, there = 40001, 9
	answer := lab.Probe{From: "client", Packet: model.Packet{Src: r.peer.Addr(4), Dst: r.host(4), Protocol: model.ProtoUDP, SrcPort: there, DstPort: here}}
	ask := lab.Probe{From: lab.FirewallName, Packet: model.Packet{Src: r.host(4), Dst: r.peer.Addr(4), Protocol: model.ProtoUDP, SrcPort: here, DstPort: there}}
	prober, err := lab.NewProber(r.top)
	if err != nil {
		t.Fatal(err)
	}
	defer prober.Close()
	prober.KeepConnections = true
	prober.Settle = func() error { return settled(r.fast) }
	for i, step := range []struct {
		probe lab.Probe
		want  string
	}{
		{answer, ""}, {answer, ""}, {answer, ""}, // unasked: denied, cached, denied from the cache
		{ask, "client"}, {answer, lab.FirewallName}, {answer, lab.FirewallName},
	} {
		got, err := prober.Send(step.probe)
		if err != nil {
			t.Fatal(err)
		}
		if got[0] != step.want {
			t.Fatalf("step %d arrived at %q, want %q: %v", i, got[0], step.want, r.status())
		}
	}
	s := r.status()
	if s.Events[bpf.CachedDeny] != 1 || s.Events[bpf.Established] != 2 {
		t.Errorf("%d denied from the cache, %d established, want 1 and 2", s.Events[bpf.CachedDeny], s.Events[bpf.Established])
	}
	r.applyFast(compilePolicy(t, hostPolicy(allowTCP)+anythingOut)) // void what is cached: the worker has to find out
	got, err := prober.Send(answer)
	if err != nil {
		t.Fatal(err)
	}
	if s := r.status(); got[0] != lab.FirewallName || s.Denied != 2 {
		t.Errorf("an answer nothing is cached about arrived at %q, want the firewall; %d denied", got[0], s.Denied)
	}
}

// exchange sends n random octets and wants them back.
func exchange(t *testing.T, c io.ReadWriter, n int) {
	t.Helper()
	want := make([]byte, n)
	for i := range want {
		want[i] = byte(rand.Uint32())
	}
	done := make(chan error, 1)
	go func() { _, err := c.Write(want); done <- err }()
	got := make([]byte, n)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%d octets came back changed: %x, want %x", n, sha256.Sum256(got), sha256.Sum256(want))
	}
}

// A bulk transfer with segmentation and receive offload goes on while the fast path comes, changes and goes.
func TestEstablishedConnectionsSurvive(t *testing.T) {
	for mode, queues := range map[bpf.Mode]int{bpf.Native: 1, bpf.Generic: 2} { // see TestGenericMode
		t.Run(string(mode), func(t *testing.T) {
			r := newRig(t, xdp.Config{})
			r.replug(1, queues)
			r.offload(t)
			p := hostPolicy(allowTCP)
			program := compilePolicy(t, p)
			if _, err := r.full.Apply(context.Background(), program); err != nil {
				t.Fatal(err)
			}
			r.echoServer(7)
			c, err := r.dial(4, 7)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			bulk := transfer(c)
			progress := func(when string, native bool) {
				t.Helper()
				sizes, before := r.sizes(t), bulk.octets.Load()
				r.eventually(when, func() bool { return bulk.octets.Load() > before+1<<20 || len(bulk.failed) > 0 })
				r.offloaded(t, when, sizes, native)
			}
			progress("before", false)
			for round := range 2 {
				r.applyFast(program)
				native := mode == bpf.Native
				progress("attached", native)
				if s := r.status(); s.Mode != mode {
					t.Fatalf("round %d: attached in mode %q: %v", round, s.Mode, s)
				}
				r.apply(p)
				progress("reloaded", native)
				r.apply(hostPolicy(allowUDP)) // policy changes do not end what is established
				progress("another policy", native)
				r.apply(p)
				if err := r.fast.Clear(context.Background()); err != nil {
					t.Fatal(err)
				}
				progress("detached", false)
			}
			bulk.stop.Store(true)
			if err := <-bulk.failed; err != nil {
				t.Error(err)
			}
		})
	}
}

// bulk is a transfer to an echo server and back, until it is stopped.
type bulk struct {
	octets atomic.Int64
	stop   atomic.Bool
	failed chan error // closed at the end
}

// transfer begins a transfer on a connection.
func transfer(c net.Conn) *bulk {
	b := &bulk{failed: make(chan error, 1)}
	go func() {
		defer close(b.failed)
		chunk, back := make([]byte, 1<<18), make([]byte, 1<<18)
		for n := byte(0); !b.stop.Load(); n++ {
			for i := range chunk {
				chunk[i] = byte(i) ^ n
			}
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			written := make(chan error, 1)
			go func() { _, err := c.Write(chunk); written <- err }()
			_, err := io.ReadFull(c, back)
			if err = errors.Join(err, <-written); err != nil {
				b.failed <- err
				return
			}
			if !bytes.Equal(chunk, back) {
				b.failed <- fmt.Errorf("chunk %d came back changed", n)
				return
			}
			b.octets.Add(int64(len(chunk)))
		}
	}()
	return b
}

// The interface goes away and comes back under its name: the fast path lets go of it and takes it again.
func TestInterfaceComesBack(t *testing.T) {
	r := newRig(t, xdp.Config{})
	r.apply(hostPolicy(allowTCP))
	r.echoServer(7)
	for range 2 {
		if s := r.status(); s.Mode != bpf.Native {
			t.Fatalf("not attached: %v", s)
		}
		if err := r.top.Firewall.DeleteLink("eth0"); err != nil {
			t.Fatal(err)
		}
		r.eventually("letting go", func() bool { return r.status().Mode == "" })
		r.plug(1, 1)
		r.eventually("attaching", func() bool { return r.status().Mode == bpf.Native })
		c, err := r.dial(4, 7)
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, c, 100)
		c.Close()
	}
}

// In mode auto the sockets are used under load only.
func TestAutoFollowsTheLoad(t *testing.T) {
	r := newRig(t, xdp.Config{Mode: xdp.Auto, AutoOn: 1000, AutoOff: 500})
	r.applyFast(compilePolicy(t, hostPolicy(allowTCP)))
	if s := r.status(); s.Mode == "" || s.InUse {
		t.Fatalf("idle: %v", s)
	}
	stop := r.flood(256, 9)
	r.eventually("use under load", func() bool { return r.status().InUse })
	r.eventually("denials", func() bool { return r.status().Denied > 0 })
	stop()
	r.eventually("rest after the load", func() bool { return !r.status().InUse })
}

// In mode auto packets that policy allows are no load, however many: only a few of them go by the sockets.
func TestAutoLeavesAllowedPackets(t *testing.T) {
	r := newRig(t, xdp.Config{Mode: xdp.Auto, AutoOn: 1000, AutoOff: 500})
	r.applyFast(compilePolicy(t, hostPolicy(allowUDP)))
	stop := r.flood(1<<16, 9)
	defer stop()
	r.eventually("a sample", func() bool { return r.status().Judged > 1000 })
	s := r.status()
	if s.InUse || s.Denied > 0 || s.Judged*20 > s.Events[bpf.Undecided] {
		t.Errorf("%d packets judged, of which %d are denied: %v", s.Judged, s.Denied, s)
	}
}

// Both socket implementations carry the fast path.
func TestAsavieCarriesTheFastPath(t *testing.T) {
	r := newRig(t, xdp.Config{Open: xsk.OpenAsavie})
	r.apply(hostPolicy(allowTCP))
	r.echoServer(7)
	for range 20 {
		c, err := r.dial(4, 7)
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, c, 100)
		c.Close()
	}
	if s := r.status(); s.Judged < 20 || s.Lost != 0 {
		t.Errorf("%d packets judged, %d lost", s.Judged, s.Lost)
	}
}
