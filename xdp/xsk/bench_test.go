package xsk_test

import (
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asavie/xdp"
	"golang.org/x/sys/unix"

	"rampart/bench/pktgen"
	"rampart/model"
	"rampart/xdp/xsk"
)

// BenchmarkReceiveAndDrop floods the implementations in turn, generator on one core and receiver on another. It reports
// the median of the rates in millions a second, what the receiving thread spent per frame in nanoseconds (the steadier
// figure on a busy machine), and the ratios of our rings to
// github.com/asavie/xdp used as its documentation shows, with rings as large as ours and with its own sizes.
func BenchmarkReceiveAndDrop(b *testing.B) {
	if runtime.NumCPU() < 2 {
		b.Skip("needs a core for the generator and one for the receiver")
	}
	w := newWire(b)
	g := w.generator(b, 0)
	defer g.Close()
	rate, cost := map[string][]float64{}, map[string][]float64{}
	for b.Loop() {
		for range 7 {
			for _, r := range receivers {
				stop := &atomic.Bool{}
				loop, closeSocket := r.open(b, w)
				n, perFrame := flood(b, g, stop, loop)
				rate[r.name], cost[r.name] = append(rate[r.name], n), append(cost[r.name], perFrame)
				closeSocket()
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for name := range rate {
		b.ReportMetric(median(rate[name]), name+"-Mpps")
		b.ReportMetric(median(cost[name]), name+"-ns/frame")
	}
	b.ReportMetric(median(rate["rings"])/median(rate["library"]), "rate-ratio")
	b.ReportMetric(median(rate["rings"])/median(rate["library-defaults"]), "rate-ratio-to-defaults")
	b.ReportMetric(median(cost["library"])/median(cost["rings"]), "cost-ratio")
}

// BenchmarkDrain measures the implementations without the kernel's share, which is the larger one of BenchmarkReceiveAndDrop:
// a ring is filled while nobody receives, then emptied on the same core and its frames given back. It reports the
// nanoseconds for each frame with rings of one size, and the ratio.
func BenchmarkDrain(b *testing.B) {
	w := newWire(b)
	g := w.generator(b, 0)
	defer g.Close()
	const ring = 2048
	cost := map[string][]float64{}
	round := func(name string, drain func() int) {
		if _, err := g.Send(ring); err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		if n := drain(); n != ring {
			b.Fatalf("%s received %d of %d frames", name, n, ring)
		}
		cost[name] = append(cost[name], float64(time.Since(start).Nanoseconds())/ring)
	}
	unpin := pin(b, 0)
	defer unpin()
	for b.Loop() {
		s := w.listen(b, xsk.Open, xsk.Config{})
		s.Fill(xsk.AllFrames(xsk.Config{}))
		for range 40 {
			round("rings", func() (n int) {
				var batch [64]xsk.Desc
				for {
					k := s.Receive(batch[:])
					if k == 0 {
						return n
					}
					for _, d := range batch[:k] {
						touch(s.Frame(d))
					}
					s.Fill(batch[:k])
					n += k
				}
			})
		}
		s.Close()
		l, closeLibrary := openLibrary(b, w, sameSizes)
		l.Fill(l.GetDescs(ring))
		for range 40 {
			round("library", func() (n int) {
				for {
					k := min(64, l.NumReceived())
					if k == 0 {
						return n
					}
					for _, d := range l.Receive(k) {
						touch(l.GetFrame(d))
					}
					l.Fill(l.GetDescs(k))
					n += k
				}
			})
		}
		closeLibrary()
	}
	b.ReportMetric(0, "ns/op")
	for name := range cost {
		b.ReportMetric(median(cost[name]), name+"-ns/frame")
	}
	b.ReportMetric(median(cost["library"])/median(cost["rings"]), "ratio")
}

// pin binds the thread to a CPU until unpin.
func pin(b *testing.B, cpu int) (unpin func()) {
	runtime.LockOSThread()
	var was, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &was); err != nil {
		b.Fatal(err)
	}
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		b.Fatal(err)
	}
	return func() {
		_ = unix.SchedSetaffinity(0, &was)
		runtime.UnlockOSThread()
	}
}

// generator sends one flow's packets to the wire's far end, from a core.
func (w *wire) generator(b *testing.B, cpu int) *pktgen.Generator {
	flow := pktgen.Flow{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{2, 0, 0, 0, 0, 2}, Packet: model.Packet{
		Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("198.51.100.1"), Protocol: model.ProtoUDP, SrcPort: 9, DstPort: 9,
	}}
	f, err := flow.Frame(60)
	if err != nil {
		b.Fatal(err)
	}
	g, err := pktgen.New(pktgen.Config{NetNS: w.a.FD(), Ifindex: w.x0, Frames: [][]byte{f}, Chunk: 1 << 17, CPU: cpu, CPUPinned: true})
	if err != nil {
		b.Fatal(err)
	}
	return g
}

// receivers are loops that receive and drop until told to stop, and return how many frames they took.
var receivers = []struct {
	name string
	open func(b *testing.B, w *wire) (loop func(stop *atomic.Bool) uint64, closeSocket func())
}{
	{"rings", func(b *testing.B, w *wire) (func(*atomic.Bool) uint64, func()) { return ours(b, w, xsk.Open) }},
	{"adapter", func(b *testing.B, w *wire) (func(*atomic.Bool) uint64, func()) { return ours(b, w, xsk.OpenAsavie) }},
	{"library", func(b *testing.B, w *wire) (func(*atomic.Bool) uint64, func()) {
		return library(b, w, sameSizes)
	}},
	{"library-defaults", func(b *testing.B, w *wire) (func(*atomic.Bool) uint64, func()) {
		return library(b, w, xdp.DefaultSocketOptions)
	}},
}

func ours(b *testing.B, w *wire, open func(xsk.Config) (xsk.Socket, error)) (func(*atomic.Bool) uint64, func()) {
	s := w.listen(b, open, xsk.Config{})
	return func(stop *atomic.Bool) uint64 { return receiveAndDrop(s, stop) }, func() { s.Close() }
}

func receiveAndDrop(s xsk.Socket, stop *atomic.Bool) (n uint64) {
	s.Fill(xsk.AllFrames(xsk.Config{}))
	var batch [64]xsk.Desc
	for empty := 0; !stop.Load(); {
		k := s.Receive(batch[:])
		if k == 0 {
			// Looking at the ring is cheap, a system call is not.
			if empty++; empty > 100 {
				_ = s.Wait(time.Millisecond)
			}
			continue
		}
		empty = 0
		for _, d := range batch[:k] {
			touch(s.Frame(d))
		}
		for filled := 0; filled < k; {
			filled += s.Fill(batch[filled:k])
		}
		n += uint64(k)
	}
	return n
}

// sameSizes are our defaults for the library.
var sameSizes = xdp.SocketOptions{NumFrames: 4096, FrameSize: 2048, FillRingNumDescs: 2048, CompletionRingNumDescs: 2048,
	RxRingNumDescs: 2048, TxRingNumDescs: 2048}

// openLibrary opens a socket of github.com/asavie/xdp.
func openLibrary(b *testing.B, w *wire, o xdp.SocketOptions) (*xdp.Socket, func()) {
	var s *xdp.Socket
	err := w.b.Do(func() (err error) {
		for range 100 { // the last one's queue is freed late
			s, err = xdp.NewSocket(w.y0, 0, &o)
			if err == nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := w.xskmap.Put(uint32(0), uint32(s.FD())); err != nil {
		b.Fatal(err)
	}
	return s, func() {
		var st unix.Stat_t
		_ = unix.Fstat(s.FD(), &st)
		s.Close()
		_ = xsk.UnmapLeftovers(st.Ino) // or the queue would stay taken
	}
}

// library uses github.com/asavie/xdp the way its package documentation does.
func library(b *testing.B, w *wire, o xdp.SocketOptions) (func(*atomic.Bool) uint64, func()) {
	s, closeSocket := openLibrary(b, w, o)
	loop := func(stop *atomic.Bool) (n uint64) {
		for !stop.Load() {
			if free := s.NumFreeFillSlots(); free > 0 {
				s.Fill(s.GetDescs(free))
			}
			k, _, err := s.Poll(1)
			if err != nil {
				return n
			}
			for _, d := range s.Receive(k) {
				touch(s.GetFrame(d))
			}
			n += uint64(k)
		}
		return n
	}
	return loop, closeSocket
}

var sink byte

// touch reads a header, as anybody who decides about a frame must.
func touch(f []byte) { sink += f[12] + f[30] }

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// flood runs the generator for a moment and returns how many million frames a second the loop took, and the nanoseconds
// of its thread for each.
func flood(b *testing.B, g *pktgen.Generator, stop *atomic.Bool, loop func(*atomic.Bool) uint64) (mpps, perFrame float64) {
	type result struct {
		frames uint64
		spent  time.Duration
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // not unlocked: the pinned thread ends with the goroutine
		var cpu unix.CPUSet
		cpu.Set(1)
		_ = unix.SchedSetaffinity(0, &cpu)
		var ru unix.Rusage
		n := loop(stop)
		_ = unix.Getrusage(unix.RUSAGE_THREAD, &ru)
		done <- result{n, time.Duration(ru.Utime.Nano() + ru.Stime.Nano())}
	}()
	r, err := g.Send(1 << 18)
	stop.Store(true)
	got := <-done
	if err != nil {
		b.Fatal(err)
	}
	// The share received of the rate at which the generator sent while it did.
	mpps = float64(got.frames) / float64(r.Sent) * 1e3 / r.Quantile(0.5)
	return mpps, float64(got.spent.Nanoseconds()) / float64(max(1, got.frames))
}
