package pktgen

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// liveFrames is BPF_F_TEST_XDP_LIVE_FRAMES (uapi linux/bpf.h, Linux 5.18).
const liveFrames = 2

// batch is how many frames the kernel keeps in flight; it is also the most that a NAPI poll takes.
const batch = 64

// defaultChunk is some milliseconds of frames, so that Run can look at its deadline and a preempted chunk stands out among
// the others.
const defaultChunk = 1 << 12

// Config says what to send and where.
type Config struct {
	// NetNS is the file descriptor of the namespace that owns Ifindex, 0 for the caller's.
	NetNS int
	// Ifindex is the veth end to send from. Its peer must have NAPI (see the package comment).
	Ifindex int
	// Frames are sent in a circle, or in random order. All are equally long.
	Frames [][]byte
	Random bool
	// Gaps paces the generator: a frame is due so many nanoseconds after the one before, the gaps taken in a circle (a
	// power of two of them). Frames are then sent in a circle, one at a time, each stamped with its time and number (see
	// Recorder); one that is late keeps the time at which it was due, so that waiting counts as delay. Frames must be at
	// least StampedMin long. Empty means as fast as the receiver takes them.
	Gaps []uint32
	// Chunk is how many frames one system call sends, 0 for the default. A large one wastes less time between calls, which
	// wait for the kernel's grace periods (4 ms when idle, tens of them on a busy machine).
	Chunk int
	// CPU pins Run to a core when CPUPinned is set.
	CPU       int
	CPUPinned bool
	// Realtime runs ahead of every ordinary process on the core, the kernel's softirq thread included, so that the
	// figures show the path and not the neighbours. Keep such runs short.
	Realtime bool
}

// Generator holds a loaded program and its frames.
type Generator struct {
	config  Config
	frames  *ebpf.Map
	gaps    *ebpf.Map
	state   *ebpf.Map
	program *ebpf.Program
	// perSpin is how many nanoseconds a call of a paced program takes, as last measured; 0 before that.
	perSpin float64
}

// Result is what one Run did.
type Result struct {
	// Sent frames in Elapsed time. All of them were delivered to the peer.
	Sent    uint64
	Elapsed time.Duration
	// PerFrame has the average time per frame of each system call's share of the run, in nanoseconds, sorted. It is
	// the path alone: what the system call needs besides, about 4 ms, is only in Elapsed.
	PerFrame []float64
}

// PerSecond is the rate of the run.
func (r Result) PerSecond() float64 { return float64(r.Sent) / r.Elapsed.Seconds() }

// Quantile is the time per frame in nanoseconds that the share q of the run, from 0 to 1, did not exceed. On a shared
// machine a low quantile is what the path costs when nobody else had the core.
func (r Result) Quantile(q float64) float64 {
	if len(r.PerFrame) == 0 {
		return 0
	}
	return r.PerFrame[int(q*float64(len(r.PerFrame)-1))]
}

// New loads the program. It needs CAP_BPF and CAP_NET_ADMIN.
func New(c Config) (*Generator, error) {
	if len(c.Frames) == 0 {
		return nil, errors.New("no frames to send")
	}
	size := len(c.Frames[0])
	for i, f := range c.Frames {
		if len(f) != size {
			return nil, fmt.Errorf("frame %d has %d bytes, the first one %d", i, len(f), size)
		}
	}
	if len(c.Gaps) > 0 && (size < StampedMin || len(c.Gaps)&(len(c.Gaps)-1) != 0 || c.Random) {
		return nil, fmt.Errorf("paced frames need %d bytes, a power of two of gaps and the order of a circle", StampedMin)
	}
	header := min(size, headerMax) &^ 7
	if c.Chunk == 0 {
		c.Chunk = defaultChunk
	}
	g := &Generator{config: c}
	if err := g.load(header); err != nil {
		_ = g.Close()
		return nil, fmt.Errorf("load the generator: %w", err)
	}
	return g, nil
}

func (g *Generator) load(header int) (err error) {
	count := uint32(len(g.config.Frames))
	g.frames, err = ebpf.NewMap(&ebpf.MapSpec{Name: "frames", Type: ebpf.Array, KeySize: 4, ValueSize: uint32(header), MaxEntries: count})
	if err != nil {
		return err
	}
	g.state, err = ebpf.NewMap(&ebpf.MapSpec{Name: "state", Type: ebpf.Array, KeySize: 4, ValueSize: stateSize, MaxEntries: 1})
	if err != nil {
		return err
	}
	for i, f := range g.config.Frames {
		if err := g.frames.Put(uint32(i), f[:header]); err != nil {
			return err
		}
	}
	instructions := sender(g.frames, g.state, count, header, uint32(g.config.Ifindex), g.config.Random)
	if len(g.config.Gaps) > 0 {
		if g.gaps, err = gapMap(g.config.Gaps); err != nil {
			return err
		}
		instructions = pacer(g.frames, g.gaps, g.state, count, uint32(len(g.config.Gaps)), header, uint32(g.config.Ifindex))
	}
	g.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{Name: "pktgen", Type: ebpf.XDP, License: "GPL", Instructions: instructions})
	return err
}

// Close frees the program and its maps.
func (g *Generator) Close() error {
	var errs []error
	if g.program != nil {
		errs = append(errs, g.program.Close())
	}
	for _, m := range []*ebpf.Map{g.frames, g.gaps, g.state} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	return errors.Join(errs...)
}

// Send sends n frames as fast as the receiver takes them.
func (g *Generator) Send(n int) (Result, error) {
	return g.run(func(sent uint64, _ time.Duration) uint32 {
		return uint32(min(max(0, n-int(sent)), g.config.Chunk))
	})
}

// Run sends for about the given time, as fast as the receiver takes the frames.
func (g *Generator) Run(d time.Duration) (Result, error) {
	if len(g.config.Gaps) > 0 {
		return g.runPaced(d)
	}
	return g.run(func(_ uint64, elapsed time.Duration) uint32 {
		if elapsed >= d {
			return 0
		}
		return uint32(g.config.Chunk)
	})
}

func (g *Generator) run(next func(sent uint64, elapsed time.Duration) uint32) (Result, error) {
	var r Result
	err := g.inPlace(func() error {
		before, err := g.sent()
		if err != nil {
			return err
		}
		// The frame the kernel copies from; the program overwrites the headers each time.
		data := g.config.Frames[0]
		start := time.Now()
		for {
			n := next(r.Sent, r.Elapsed)
			if n == 0 {
				return nil
			}
			inFlight := uint32(batch)
			if len(g.config.Gaps) > 0 {
				// What was not sent before the system call began is not late.
				if err := g.restart(); err != nil {
					return err
				}
				inFlight = 1
			}
			perFrame, err := testRun(g.program, data, n, inFlight)
			if err != nil {
				return err
			}
			now, err := g.sent()
			if err != nil {
				return err
			}
			r.PerFrame = append(r.PerFrame, float64(perFrame))
			g.perSpin = float64(perFrame)
			r.Sent = now - before
			r.Elapsed = time.Since(start)
		}
	})
	slices.Sort(r.PerFrame)
	if err != nil {
		return r, fmt.Errorf("send frames: %w", err)
	}
	return r, nil
}

func (g *Generator) sent() (uint64, error) {
	var s state
	err := g.state.Lookup(uint32(0), &s)
	return s.Sent, err
}

// Sent is how many frames the generator has sent in all its runs; in a circle, the next one is frame Sent modulo their
// number.
func (g *Generator) Sent() (uint64, error) { return g.sent() }

// inPlace runs f on a thread that is in the right namespace and on the right core. The thread is thrown away
// afterwards when it was changed, because it could not be trusted to be as before.
func (g *Generator) inPlace(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if g.config.NetNS != 0 {
			if err := unix.Setns(g.config.NetNS, unix.CLONE_NEWNET); err != nil {
				done <- fmt.Errorf("enter the namespace: %w", err)
				return
			}
		}
		if g.config.CPUPinned {
			var set unix.CPUSet
			set.Set(g.config.CPU)
			if err := unix.SchedSetaffinity(0, &set); err != nil {
				done <- fmt.Errorf("pin to core %d: %w", g.config.CPU, err)
				return
			}
		}
		if g.config.Realtime {
			if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0); err != nil {
				done <- fmt.Errorf("become a realtime thread: %w", err)
				return
			}
		}
		done <- f()
	}()
	return <-done
}

// Sink counts and drops everything that arrives on an interface, in its driver.
type Sink struct {
	Program *ebpf.Program
	counter *ebpf.Map
}

// NewSink loads the program; the caller attaches it to the interface.
func NewSink() (*Sink, error) {
	counter, err := ebpf.NewMap(&ebpf.MapSpec{Name: "arrived", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		return nil, fmt.Errorf("load the sink: %w", err)
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "sink", Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions(sink(counter))})
	if err != nil {
		_ = counter.Close()
		return nil, fmt.Errorf("load the sink: %w", err)
	}
	return &Sink{Program: p, counter: counter}, nil
}

// Arrived is how many frames the sink has counted.
func (s *Sink) Arrived() (uint64, error) {
	var perCPU []uint64
	if err := s.counter.Lookup(uint32(0), &perCPU); err != nil {
		return 0, err
	}
	var n uint64
	for _, c := range perCPU {
		n += c
	}
	return n, nil
}

// Close frees the program and its map.
func (s *Sink) Close() error { return errors.Join(s.Program.Close(), s.counter.Close()) }
