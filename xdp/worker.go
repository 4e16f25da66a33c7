package xdp

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"rampart/xdp/bpf"
	"rampart/xdp/table"
	"rampart/xdp/xsk"
)

// priority is the nice value of workers.
const priority = -20

// batch is how many frames a worker takes at a time.
const batch = bpf.MaxQuestions

// worker decides about the frames of one receive queue. It is one goroutine on a thread of its own.
type worker struct {
	guard *guard
	queue int
	rx    xsk.Socket
	// tx sends to the private veth; it shares the frames of rx unless copies is set.
	tx     xsk.Socket
	copies bool
	// using is the policy that the batch at hand is judged by, nil between batches.
	using atomic.Pointer[policy]
	stop  atomic.Bool
	done  chan struct{}

	free    []xsk.Desc // frames of rx that are nobody's
	sending int        // frames of rx that are being sent
	txFree  []xsk.Desc // of tx, when it has frames of its own
	packets [batch]packet
	rulings [batch]ruling
	judge   *judge
	inquiry *bpf.Inquiry
	repeats repeats
	flows   []bpf.Flow
	verdict []bpf.Verdict
	// lost counts allowed packets that could not be given back; judged and denied all packets taken.
	lost, judged, denied atomic.Uint64
	// failed is why the worker ended on its own.
	failed atomic.Pointer[error]
}

// run takes frames until the worker is stopped, and then what is left. The kernel has frames to receive into beforehand: it may
// take some time for the thread to run.
func (w *worker) run() {
	defer close(w.done)
	runtime.LockOSThread() // not unlocked: the changed thread ends with its goroutine
	pin(w.queue)
	// What a worker does the kernel would otherwise do before any process runs. Without leave to, it has to wait like others.
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, priority)
	if ns := w.guard.config.NetNS; ns != 0 {
		if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
			err = fmt.Errorf("enter the network namespace: %w", err)
			w.failed.Store(&err)
			return
		}
	}
	w.inquiry = w.guard.fast.Inquiry(w.queue)
	room := w.guard.fast.Room(w.queue)
	var in [batch]xsk.Desc
	idle, taken := 0, uint64(0)
	for {
		n := w.rx.Receive(in[:])
		if n > 0 {
			idle = 0
			w.batch(in[:n])
			w.refill(room)
			continue
		}
		if w.stop.Load() {
			return
		}
		w.reclaim()
		w.refill(room)
		if err := errors.Join(w.rx.Wake(), w.tx.Wake()); err != nil {
			w.failed.Store(&err)
			return
		}
		// Nothing redirected since the last look, so nothing is on its way: put the account straight, in case frames were
		// lost between the XDP program and the ring.
		if t := room.Taken(); idle > 2 && t == taken {
			room.Set(t, uint64(w.guard.config.Frames-len(w.free)-w.sending))
		} else {
			taken = t
		}
		idle++
		if err := w.rx.Wait(20 * time.Millisecond); err != nil {
			w.failed.Store(&err)
			return
		}
	}
}

// batch judges frames: denied ones are counted and forgotten, the others given back to the stack.
func (w *worker) batch(frames []xsk.Desc) {
	p := w.enter()
	defer w.using.Store(nil)
	packets, rulings := w.packets[:len(frames)], w.rulings[:len(frames)]
	for i, d := range frames {
		parse(w.rx.Frame(d), &packets[i])
	}
	w.judge.judge(p, packets, rulings)
	w.acquit(packets, rulings)
	w.flows, w.verdict = w.flows[:0], w.verdict[:0]
	back := frames[:0:len(frames)]
	tally := &p.tallies[w.queue]
	for i, d := range frames {
		if r := rulings[i]; r.Ruling == table.Deny {
			tally.add(r.Denier, packets[i].end-packets[i].l3)
			w.guard.flows.report(w.guard.name, p.deniers[r.Denier].Counter, &packets[i])
			w.repeated(p, &packets[i], r)
			w.free = append(w.free, d)
			continue
		}
		if packets[i].version != 0 {
			complete(w.rx.Frame(d), &packets[i])
			w.remember(p, &packets[i], bpf.Allow)
		}
		back = append(back, d)
	}
	w.judged.Add(uint64(len(frames)))
	w.denied.Add(uint64(len(frames) - len(back)))
	// In the driver, give back first: were the verdict cached before, later packets of the flow could overtake. Behind it
	// the packet comes by the XDP program again, which must know it by then.
	if w.guard.generic() {
		w.cache()
		w.giveBack(back)
	} else {
		w.giveBack(back)
		w.cache()
	}
}

// acquit lets packets go that policy denies and that belong to connections: nftables accepts those before it asks policy.
func (w *worker) acquit(packets []packet, rulings []ruling) {
	n := 0
	var at [batch]int
	for i := range rulings {
		if rulings[i].Ruling == table.Deny && !rulings[i].final {
			w.inquiry.Flows[n], at[n] = flowOf(&packets[i]), i
			n++
		}
	}
	if n == 0 {
		return
	}
	err := w.inquiry.Ask(n)
	if err != nil {
		w.guard.askErrors.Add(1)
	}
	for k, i := range at[:n] {
		if err != nil || w.inquiry.Known[k] != 0 {
			rulings[i] = ruling{}
		}
	}
}

// enter takes the policy in force and says so, in a way that a change cannot slip in between.
func (w *worker) enter() *policy {
	for {
		p := w.guard.policy.Load()
		w.using.Store(p)
		if w.guard.policy.Load() == p {
			return p
		}
	}
}

// remember puts a verdict on the list for the cache.
func (w *worker) remember(p *policy, k *packet, slot uint32) {
	w.flows = append(w.flows, flowOf(k))
	w.verdict = append(w.verdict, bpf.Verdict{Generation: p.generation, Slot: slot})
}

// repeated remembers a denial when the flow has been denied a little while ago: a flood of ever new flows must not drive
// the others out of the cache.
func (w *worker) repeated(p *policy, k *packet, r ruling) {
	if !w.repeats.seen(k) {
		return
	}
	slot := w.guard.slot(p, r.Denier)
	switch {
	case slot < 0:
	case r.final:
		w.remember(p, k, uint32(slot)|bpf.Final)
	default:
		w.remember(p, k, uint32(slot))
	}
}

func (w *worker) cache() {
	if err := w.guard.fast.Remember(w.flows, w.verdict); err != nil {
		w.guard.cacheErrors.Add(1)
	}
}

// giveBack sends frames into the private veth.
func (w *worker) giveBack(frames []xsk.Desc) {
	if len(frames) == 0 {
		return
	}
	if w.copies {
		w.giveCopies(frames)
		return
	}
	for try := 0; len(frames) > 0 && try < 100; try++ {
		n := w.tx.Transmit(frames)
		frames = frames[n:]
		w.sending += n
		if err := w.tx.Wake(); err != nil {
			break
		}
		w.reclaim()
	}
	w.lost.Add(uint64(len(frames)))
	w.free = append(w.free, frames...)
}

// giveCopies is giveBack for sockets that do not share frames.
func (w *worker) giveCopies(frames []xsk.Desc) {
	for _, d := range frames {
		if len(w.txFree) == 0 {
			_ = w.tx.Wake()
			w.reclaim()
		}
		if n := len(w.txFree); n > 0 {
			to := w.txFree[n-1]
			to.Len = d.Len
			copy(w.tx.Frame(to), w.rx.Frame(d))
			if w.tx.Transmit([]xsk.Desc{to}) == 1 {
				w.txFree = w.txFree[:n-1]
			} else {
				w.lost.Add(1)
			}
		} else {
			w.lost.Add(1)
		}
	}
	_ = w.tx.Wake()
	w.free = append(w.free, frames...)
}

// reclaim takes back the frames that were sent.
func (w *worker) reclaim() {
	var out [batch]xsk.Desc
	for {
		n := w.tx.Complete(out[:])
		if n == 0 {
			return
		}
		if w.copies {
			w.txFree = append(w.txFree, out[:n]...)
		} else {
			w.free = append(w.free, out[:n]...)
			w.sending -= n
		}
	}
}

// refill gives the kernel frames to receive into, and the XDP program leave to use them.
func (w *worker) refill(room bpf.Room) {
	if len(w.free) < batch/2 {
		w.reclaim()
	}
	n := w.rx.Fill(w.free)
	if n == 0 {
		return
	}
	w.free = append(w.free[:0], w.free[n:]...)
	room.Give(uint64(n))
}

// pin binds the thread to a CPU, counted from the last one allowed: the first ones tend to take the interrupts. Where that
// is not possible the thread roams.
func pin(queue int) {
	var allowed, one unix.CPUSet
	if unix.SchedGetaffinity(0, &allowed) != nil || allowed.Count() == 0 {
		return
	}
	skip := queue % allowed.Count()
	for cpu := len(allowed)*64 - 1; cpu >= 0; cpu-- {
		if !allowed.IsSet(cpu) {
			continue
		}
		if skip == 0 {
			one.Set(cpu)
			_ = unix.SchedSetaffinity(0, &one)
			return
		}
		skip--
	}
}

// repeats remembers which flows were denied lately, roughly: a flow may be forgotten when another takes its place.
type repeats [1 << 12]uint32

// seen tells whether the flow is remembered, and remembers it.
func (r *repeats) seen(k *packet) bool {
	h := hash(k)
	at := &r[h>>20]
	was := *at == h
	*at = h
	return was
}

// hash mixes a flow into 32 bits that are not 0.
func hash(k *packet) uint32 {
	const m = 0x9e3779b97f4a7c15
	h := uint64(k.version)
	mix := func(x uint64) { h = (h ^ x) * m; h ^= h >> 29 }
	if k.version == 4 {
		mix(uint64(k.k4.Src)<<32 | uint64(k.k4.Dst))
		mix(uint64(k.k4.SrcPort)<<24 | uint64(k.k4.DstPort)<<8 | uint64(k.k4.Protocol))
	} else {
		for _, b := range [][]byte{k.k6.Src[:8], k.k6.Src[8:], k.k6.Dst[:8], k.k6.Dst[8:]} {
			mix(uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56)
		}
		mix(uint64(k.k6.SrcPort)<<24 | uint64(k.k6.DstPort)<<8 | uint64(k.k6.Protocol))
	}
	return uint32(h>>32) | 1
}

// open opens the sockets of a queue. The thread must be in the interface's network namespace.
func (w *worker) open(ifindex int, back *handback) (err error) {
	c := &w.guard.config
	conf := xsk.Config{Ifindex: ifindex, Queue: w.queue, Frames: c.Frames, Rx: c.Frames, Fill: c.Frames, Tx: -1, Completion: 64, HugePages: true}
	if c.BusyPoll {
		conf.BusyPoll = 20 * time.Microsecond
	}
	if w.rx, err = c.Open(conf); errors.Is(err, xsk.ErrNotSupported) {
		conf.BusyPoll = 0
		w.rx, err = c.Open(conf)
	}
	if err != nil {
		return err
	}
	w.free = xsk.AllFrames(conf)
	out := xsk.Config{Ifindex: back.near, Queue: w.queue, Frames: c.Frames, Rx: -1, Fill: 64, Tx: c.Frames, Completion: c.Frames, Share: w.rx}
	if w.tx, err = c.Open(out); errors.Is(err, xsk.ErrNotSupported) {
		out.Share = nil
		w.copies, w.txFree = true, xsk.AllFrames(out)
		w.tx, err = c.Open(out)
	}
	if err != nil {
		return errors.Join(err, w.rx.Close())
	}
	return nil
}

// halt ends the worker after the frames it has been given are dealt with.
func (w *worker) halt() error {
	w.stop.Store(true)
	<-w.done
	// What was sent must have left before its frames go away.
	for try := 0; try < 100 && w.tx.Wake() == nil; try++ {
		var out [batch]xsk.Desc
		if w.tx.Complete(out[:]) == 0 && try > 2 {
			break
		}
	}
	if err := errors.Join(w.tx.Close(), w.rx.Close()); err != nil {
		return fmt.Errorf("queue %d: %w", w.queue, err)
	}
	return nil
}
