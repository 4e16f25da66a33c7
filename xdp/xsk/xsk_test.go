package xsk_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rampart/xdp/xsk"
)

// sizes are frame lengths from the smallest Ethernet header to a full MTU, odd ones among them.
var sizes = []int{14, 15, 60, 61, 64, 127, 128, 511, 1000, 1499, 1500, 1514}

func TestReceivedFramesAreByteExact(t *testing.T) {
	for _, im := range implementations {
		t.Run(im.name, func(t *testing.T) {
			w := newWire(t)
			c := xsk.Config{Frames: 16, Rx: 8, Fill: 8, Tx: 8, Completion: 8}
			s := w.listen(t, im.open, c)
			if n := s.Fill(xsk.AllFrames(c)); n != 8 {
				t.Fatalf("%d of 8 frames filled", n)
			}
			if n := s.Fill(xsk.AllFrames(c)[8:]); n != 0 {
				t.Fatalf("%d frames filled into a full ring", n)
			}
			from := newTap(t, w.a, w.x0)
			for i := range 200 { // many times round the rings
				want := frame(i, sizes[i%len(sizes)])
				if err := from.write(want); err != nil {
					t.Fatal(err)
				}
				d := receive(t, s)
				if got := s.Frame(d); !bytes.Equal(got, want) {
					t.Fatalf("frame %d: %d octets %x, want %d octets %x", i, len(got), got, len(want), want)
				}
				if s.Fill([]xsk.Desc{d}) != 1 {
					t.Fatalf("frame %d was not taken back", i)
				}
			}
		})
	}
}

func TestTransmittedFramesAreByteExact(t *testing.T) {
	for _, im := range implementations {
		t.Run(im.name, func(t *testing.T) {
			w := newWire(t)
			c := xsk.Config{Frames: 64, Rx: 8, Fill: 8, Tx: 64, Completion: 64}
			s := w.listen(t, im.open, c)
			to := newTap(t, w.a, w.x0)
			free := xsk.AllFrames(c)
			for round := range 5 {
				var sent [][]byte
				for i := range free {
					want := frame(round*100+i, sizes[i%len(sizes)])
					free[i].Len = uint32(len(want))
					copy(s.Frame(free[i]), want)
					sent = append(sent, want)
				}
				if n := s.Transmit(free); n != len(free) {
					t.Fatalf("%d of %d frames taken", n, len(free))
				}
				free = drain(t, s, len(free))
				for i, want := range sent {
					got, err := to.read()
					if err != nil {
						t.Fatalf("round %d frame %d: %v", round, i, err)
					}
					if !bytes.Equal(got, want) {
						t.Fatalf("round %d frame %d: %x, want %x", round, i, got, want)
					}
				}
			}
		})
	}
}

// drain wakes the socket until n frames were sent.
func drain(t *testing.T, s xsk.Socket, n int) []xsk.Desc {
	t.Helper()
	var done []xsk.Desc
	buf := make([]xsk.Desc, n)
	for deadline := time.Now().Add(5 * time.Second); len(done) < n; {
		if err := s.Wake(); err != nil {
			t.Fatal(err)
		}
		done = append(done, buf[:s.Complete(buf)]...)
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d frames were sent in five seconds", len(done), n)
		}
	}
	seen := map[uint64]bool{}
	for _, d := range done {
		if seen[d.Addr] || int(d.Len) != s.FrameSize() {
			t.Fatalf("completed frame %+v twice or of a wrong length", d)
		}
		seen[d.Addr] = true
	}
	return done
}

// A frame received on one interface leaves on another without being copied by us.
func TestSharedFrames(t *testing.T) {
	w := newWire(t)
	x1, y1 := w.pair(t, "x1", "y1")
	c := xsk.Config{Frames: 32, Rx: 16, Fill: 16, Tx: 16, Completion: 16}
	in := w.listen(t, xsk.Open, c)
	shared := c
	shared.Ifindex, shared.Rx, shared.Share = y1, -1, in
	out := w.open(t, xsk.Open, shared)
	in.Fill(xsk.AllFrames(c))
	from, to := newTap(t, w.a, w.x0), newTap(t, w.a, x1)
	for i := range 50 {
		want := frame(i, sizes[i%len(sizes)])
		if err := from.write(want); err != nil {
			t.Fatal(err)
		}
		d := receive(t, in)
		if out.Transmit([]xsk.Desc{d}) != 1 {
			t.Fatal("not taken")
		}
		back := drain(t, out, 1)
		if got, err := to.read(); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("frame %d: %x (%v), want %x", i, got, err, want)
		}
		if in.Fill(back) != 1 {
			t.Fatal("not filled again")
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	// The frames live as long as one socket has them.
	d := xsk.AllFrames(c)[:1]
	d[0].Len = 60
	want := frame(1000, 60)
	copy(out.Frame(d[0]), want)
	out.Transmit(d)
	drain(t, out, 1)
	if got, err := to.read(); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("after the first socket closed: %x (%v), want %x", got, err, want)
	}
}

// A closed socket gives its queue back late; opening again waits for that.
func TestReopenAtOnce(t *testing.T) {
	for _, im := range implementations {
		t.Run(im.name, func(t *testing.T) {
			w := newWire(t)
			for i := range 5 {
				s := w.listen(t, im.open, xsk.Config{})
				if err := s.Close(); err != nil {
					t.Fatal(i, err)
				}
			}
		})
	}
}

// What is wrong with a queue can be told from the error: another socket has it, or the interface has no such queue.
func TestQueueThatCannotBeHad(t *testing.T) {
	w := newWire(t)
	w.listen(t, xsk.Open, xsk.Config{})
	for _, im := range implementations {
		for queue, want := range map[int]error{0: xsk.ErrQueueBusy, 1 << 10: unix.EINVAL} {
			err := w.b.Do(func() error {
				_, err := im.open(xsk.Config{Ifindex: w.y0, Queue: queue, BindTimeout: 20 * time.Millisecond})
				return err
			})
			if !errors.Is(err, want) {
				t.Errorf("%s, queue %d: %v, want %v", im.name, queue, err, want)
			}
		}
	}
}

// A socket without frames to receive into loses frames and counts them; it goes on when it has some.
func TestStarvedSocketCountsAndRecovers(t *testing.T) {
	for _, im := range implementations {
		t.Run(im.name, func(t *testing.T) {
			w := newWire(t)
			c := xsk.Config{Frames: 8, Rx: 8, Fill: 8, Tx: 8, Completion: 8}
			s := w.listen(t, im.open, c)
			from := newTap(t, w.a, w.x0)
			for i := range 10 {
				if err := from.write(frame(i, 60)); err != nil {
					t.Fatal(err)
				}
			}
			var st xsk.Statistics
			for deadline := time.Now().Add(5 * time.Second); st.FillRingEmpty < 10; {
				var err error
				if st, err = s.Statistics(); err != nil {
					t.Fatal(err)
				}
				if time.Now().After(deadline) {
					t.Fatalf("statistics %+v, want 10 times an empty fill ring", st)
				}
			}
			s.Fill(xsk.AllFrames(c))
			want := frame(99, 100)
			if err := from.write(want); err != nil {
				t.Fatal(err)
			}
			if got := s.Frame(receive(t, s)); !bytes.Equal(got, want) {
				t.Errorf("after recovery: %x, want %x", got, want)
			}
		})
	}
}

// The interface goes away under the socket: errors or silence, no panic, and Close works.
func TestInterfaceRemoved(t *testing.T) {
	for _, im := range implementations {
		t.Run(im.name, func(t *testing.T) {
			w := newWire(t)
			c := xsk.Config{Frames: 8, Rx: 8, Fill: 8, Tx: 8, Completion: 8}
			s := w.listen(t, im.open, c)
			s.Fill(xsk.AllFrames(c)[:4])
			if err := w.b.DeleteLink("y0"); err != nil {
				t.Fatal(err)
			}
			d := xsk.AllFrames(c)[4:5]
			d[0].Len = 60
			s.Transmit(d)
			t.Logf("wake after removal: %v", s.Wake())
			var buf [8]xsk.Desc
			if n := s.Receive(buf[:]); n != 0 {
				t.Errorf("received %d frames from nowhere", n)
			}
			s.Complete(buf[:])
			t.Logf("wait after removal: %v", s.Wait(time.Millisecond))
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestClosedSocketIsInert(t *testing.T) {
	for _, im := range implementations {
		t.Run(im.name, func(t *testing.T) {
			w := newWire(t)
			s := w.listen(t, im.open, xsk.Config{})
			for range 2 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			var d [1]xsk.Desc
			if n := s.Fill(d[:]) + s.Receive(d[:]) + s.Transmit(d[:]) + s.Complete(d[:]); n != 0 {
				t.Errorf("a closed socket moved %d frames", n)
			}
			if err := s.Wake(); !errors.Is(err, xsk.ErrClosed) {
				t.Errorf("wake: %v", err)
			}
			if err := s.Wait(time.Second); !errors.Is(err, xsk.ErrClosed) {
				t.Errorf("wait: %v", err)
			}
			if _, err := s.Statistics(); err == nil {
				t.Error("a closed socket has statistics")
			}
		})
	}
}

func TestRefusedConfigurations(t *testing.T) {
	for name, c := range map[string]xsk.Config{
		"odd frame size":      {FrameSize: 1500},
		"ring of three":       {Rx: 3},
		"neither rx nor tx":   {Rx: -1, Tx: -1},
		"negative frames":     {Frames: -1},
		"huge ring":           {Fill: 1 << 24},
		"no ring of that (0)": {Completion: -1 << 20, Rx: 5},
	} {
		for _, im := range implementations {
			if s, err := im.open(c); !errors.Is(err, xsk.ErrConfig) {
				t.Errorf("%s, %s: %v, %v, want ErrConfig", name, im.name, s, err)
			}
		}
	}
	if _, err := xsk.OpenAsavie(xsk.Config{BusyPoll: time.Microsecond}); !errors.Is(err, xsk.ErrNotSupported) {
		t.Errorf("busy poll: %v, want ErrNotSupported", err)
	}
}

// Busy polling and huge pages change the speed and nothing else, and are there when they are asked for.
func TestBusyPollAndHugePages(t *testing.T) {
	w := newWire(t)
	c := xsk.Config{Frames: 64, BusyPoll: 20 * time.Microsecond, HugePages: true, CopyMode: true}
	before := hugePages(t)
	s := w.listen(t, xsk.Open, c)
	if used := before - hugePages(t); before > 0 && used != 1 {
		t.Errorf("%d huge pages used of %d, want one for 64 frames", used, before)
	} else if before == 0 {
		t.Log("no huge pages set aside here (sysctl vm.nr_hugepages=1): without them")
	}
	for option, want := range map[int]int{unix.SO_BUSY_POLL: 20, unix.SO_PREFER_BUSY_POLL: 1} {
		if got, err := unix.GetsockoptInt(s.FD(), unix.SOL_SOCKET, option); err != nil || got != want {
			t.Errorf("socket option %d is %d (%v), want %d", option, got, err, want)
		}
	}
	s.Fill(xsk.AllFrames(c))
	from := newTap(t, w.a, w.x0)
	for i := range 20 {
		want := frame(i, 200)
		if err := from.write(want); err != nil {
			t.Fatal(err)
		}
		if got := s.Frame(receive(t, s)); !bytes.Equal(got, want) {
			t.Fatalf("frame %d: %x, want %x", i, got, want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); hugePages(t) < before; time.Sleep(time.Millisecond) { // the kernel lets go late
		if time.Now().After(deadline) {
			t.Fatalf("%d huge pages free after the socket was closed, %d before it was opened", hugePages(t), before)
		}
	}
}

// hugePages is how many are free.
func hugePages(t *testing.T) (n int) {
	t.Helper()
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	if _, after, ok := strings.Cut(string(info), "HugePages_Free:"); ok {
		if _, err := fmt.Sscan(after, &n); err != nil {
			t.Fatal(err)
		}
	}
	return n
}
