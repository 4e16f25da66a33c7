package xsk

import (
	"cmp"
	"fmt"
	"time"
)

// Config says where to bind a socket and how large its rings are. Zero values mean the defaults.
type Config struct {
	Ifindex, Queue int
	// Frames is how many frames the UMEM has, FrameSize the octets of each: 2048 or 4096.
	Frames, FrameSize int
	// Entries of the rings, powers of two. Rx or Tx may be negative for "none". A ring for every frame cannot run over.
	Rx, Tx, Fill, Completion int
	// Share uses the UMEM of another socket, which must be one of Open. The two sockets then exchange frames freely, but
	// are one socket as far as goroutines go: both belong to the same.
	Share Socket
	// HugePages asks for huge pages, and goes on without them where there are none.
	HugePages bool
	// CopyMode keeps the kernel from handing the driver's own buffers to us.
	CopyMode bool
	// BusyPoll makes Wait drive the driver from the calling thread for so long before it sleeps; 0 does not. It needs
	// Linux 5.11 and a driver with NAPI.
	BusyPoll time.Duration
	// BindTimeout is how long to wait for a queue that a closed socket has not given back yet.
	BindTimeout time.Duration
}

const (
	defaultFrames      = 4096
	defaultFrameSize   = 2048
	defaultRing        = 2048
	defaultBindTimeout = 2 * time.Second
)

func (c Config) withDefaults() Config {
	c.Frames = cmp.Or(c.Frames, defaultFrames)
	c.FrameSize = cmp.Or(c.FrameSize, defaultFrameSize)
	c.Rx = cmp.Or(c.Rx, defaultRing)
	c.Tx = cmp.Or(c.Tx, defaultRing)
	c.Fill = cmp.Or(c.Fill, defaultRing)
	c.Completion = cmp.Or(c.Completion, defaultRing)
	c.BindTimeout = cmp.Or(c.BindTimeout, defaultBindTimeout)
	return c
}

func (c Config) check() error {
	power := func(n int) bool { return n > 0 && n&(n-1) == 0 && n <= 1<<20 }
	switch {
	case c.FrameSize != 2048 && c.FrameSize != 4096:
		return fmt.Errorf("%w: frame size %d is neither 2048 nor 4096", ErrConfig, c.FrameSize)
	case c.Frames <= 0 || c.Frames > 1<<22:
		return fmt.Errorf("%w: %d frames", ErrConfig, c.Frames)
	case c.Rx < 0 && c.Tx < 0:
		return fmt.Errorf("%w: neither a receive nor a transmit ring", ErrConfig)
	}
	for name, n := range map[string]int{"fill": c.Fill, "completion": c.Completion, "receive": c.Rx, "transmit": c.Tx} {
		if n >= 0 && !power(n) {
			return fmt.Errorf("%w: %s ring of %d entries is not a power of two", ErrConfig, name, n)
		}
	}
	return nil
}

// AllFrames are the frames of a new socket's UMEM, which are all the caller's.
func AllFrames(c Config) []Desc {
	c = c.withDefaults()
	out := make([]Desc, c.Frames)
	for i := range out {
		out[i] = Desc{Addr: uint64(i * c.FrameSize), Len: uint32(c.FrameSize)}
	}
	return out
}
