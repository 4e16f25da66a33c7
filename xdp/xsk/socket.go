package xsk

import (
	"errors"
	"time"
)

// Desc is a frame with something in it: where it begins in the UMEM and how many octets it holds (struct xdp_desc).
type Desc struct {
	Addr    uint64
	Len     uint32
	Options uint32
}

// Socket is an AF_XDP socket bound to one queue of one interface.
type Socket interface {
	// FD is for poll(2) and for an XSKMAP. It belongs to the socket.
	FD() int
	// Frame is the memory of a frame that is the caller's, d.Len octets from d.Addr on.
	Frame(d Desc) []byte
	// FrameSize is the most that a frame holds, headroom included.
	FrameSize() int
	// Fill gives frames to the kernel to receive into and returns how many it took: the first n.
	Fill(frames []Desc) (n int)
	// Receive takes up to len(out) received frames.
	Receive(out []Desc) (n int)
	// Transmit gives frames to the kernel to send and returns how many it took: the first n. Wake sends them.
	Transmit(frames []Desc) (n int)
	// Complete takes back up to len(out) frames that were sent. Their Len is FrameSize.
	Complete(out []Desc) (n int)
	// Wake tells the kernel of filled and transmitted frames, when it wants to be told. It does not wait. Frames that the
	// kernel could not send yet stay queued: call it again.
	Wake() error
	// Wait blocks until there may be something to receive, or the time is over.
	Wait(timeout time.Duration) error
	// Statistics are the kernel's counts.
	Statistics() (Statistics, error)
	// Close gives the queue back. Frames must not be used any more. The kernel frees the queue a little later.
	Close() error
}

// Statistics are a socket's counts (struct xdp_statistics).
type Statistics struct {
	// RxDropped: no room or too long. RxRingFull and FillRingEmpty are two reasons among others.
	RxDropped, RxRingFull, FillRingEmpty uint64
	// RxInvalid and TxInvalid are descriptors that the kernel refused; TxRingEmpty is how often it found nothing to send.
	RxInvalid, TxInvalid, TxRingEmpty uint64
}

var (
	// ErrNotSupported: this implementation cannot do what the Config asks for.
	ErrNotSupported = errors.New("not supported by this AF_XDP implementation")
	// ErrConfig: sizes that no kernel takes.
	ErrConfig = errors.New("AF_XDP configuration")
	// ErrQueueBusy: another socket is bound to the queue.
	ErrQueueBusy = errors.New("AF_XDP queue in use")
	// ErrClosed: the socket was closed.
	ErrClosed = errors.New("AF_XDP socket closed")
)
