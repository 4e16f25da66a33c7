package xdp

import (
	"cmp"
	"fmt"
	"log/slog"

	"rampart/xdp/bpf"
	"rampart/xdp/table"
	"rampart/xdp/xsk"
)

// Mode says when packets without a verdict go to the sockets.
type Mode string

// The modes.
const (
	// Off attaches nothing.
	Off Mode = "off"
	// Auto uses the sockets only while many packets a second are denied, so that others pay no latency. Where many have no
	// verdict, a sample of them tells.
	Auto Mode = "auto"
	// Always uses the sockets for every packet without a verdict.
	Always Mode = "always"
)

// Config configures a Backend. The zero Config is a fast path that is off.
type Config struct {
	// NetNS is a file descriptor of a network namespace, 0 for the current one. It must stay open.
	NetNS int
	// Interfaces are the names of those that may get the fast path, none for all that have a host endpoint.
	Interfaces []string
	Mode       Mode
	// DropOnOverload drops packets that the sockets have no room for; otherwise they go to nftables.
	DropOnOverload bool
	// Queues is how many receive queues of an interface take part, 0 for all.
	Queues int
	// BusyPoll makes the workers poll instead of sleeping.
	BusyPoll bool
	// Mark is put on packets that are given back to the stack, 0 for none.
	Mark uint32
	// AutoOn and AutoOff are denied packets a second: in mode Auto above the one the sockets come into use, below the other for
	// a second they go out of use.
	AutoOn, AutoOff uint64
	// Verdicts is how many flows the verdict cache of an interface holds.
	Verdicts uint32
	// Frames is how many packets a queue can have in user space at a time, a power of two; 0 chooses by the number of queues.
	Frames int
	// FlowRate is how many denied packets a second are reported to WatchFlows at most, 0 for none.
	FlowRate int
	// Limits bound the match tables.
	Limits table.Limits
	// Open makes the sockets; nil is xsk.Open. xsk.OpenAsavie is the other one.
	Open func(xsk.Config) (xsk.Socket, error)
	// NoConntrack leaves conntrack alone, for tests.
	NoConntrack bool
	// Logger gets what is worth telling; nil discards.
	Logger *slog.Logger
}

const (
	defaultAutoOn   = 20_000
	defaultAutoOff  = 5_000
	defaultVerdicts = 1 << 16
	// A queue has so many frames of 2 KiB, and all queues of an interface together so many, unless that is too few.
	minFrames, maxFrames, allFrames = 2048, 8192, 32_768
	slots                           = 1 << 14
)

func (c Config) withDefaults() (Config, error) {
	c.Mode = cmp.Or(c.Mode, Off)
	c.AutoOn = cmp.Or(c.AutoOn, defaultAutoOn)
	c.AutoOff = cmp.Or(c.AutoOff, min(defaultAutoOff, c.AutoOn))
	c.Verdicts = cmp.Or(c.Verdicts, defaultVerdicts)
	if c.Open == nil {
		c.Open = xsk.Open
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Mode != Off && c.Mode != Auto && c.Mode != Always:
		return c, fmt.Errorf("fast path: mode %q is none of off, auto and always", c.Mode)
	case c.Queues < 0 || c.Queues > bpf.MaxQueues:
		return c, fmt.Errorf("fast path: %d queues, at most %d are possible", c.Queues, bpf.MaxQueues)
	case c.Frames != 0 && (c.Frames < 64 || c.Frames&(c.Frames-1) != 0):
		return c, fmt.Errorf("fast path: %d frames is not a power of two from 64 on", c.Frames)
	}
	return c, nil
}

// framesOf is how many frames each of an interface's queues gets by default. A worker that shares its core with the kernel's
// side of the queue waits for it, under a flood for some tens of milliseconds at a time.
func framesOf(queues int) int {
	n := maxFrames
	for n > minFrames && n*queues > allFrames {
		n /= 2
	}
	return n
}
