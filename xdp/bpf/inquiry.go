package bpf

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MaxQuestions is how many flows an inquiry can be about.
const MaxQuestions = len(fastPathInquiry{}.Flows)

const inquirySize = int(unsafe.Sizeof(fastPathInquiry{}))

// Inquiry asks conntrack about flows, many with one system call. It belongs to one goroutine, whose thread must be in the
// network namespace in question.
type Inquiry struct {
	*fastPathInquiry
	program int
	frame   [16]byte
}

// Inquiry is the one of a number below MaxQueues.
func (f *FastPath) Inquiry(number int) *Inquiry {
	q := &Inquiry{fastPathInquiry: (*fastPathInquiry)(unsafe.Pointer(&f.asked[number*inquirySize])), program: f.inquiry.FD()}
	*(*uint32)(unsafe.Pointer(&q.frame[0])) = uint32(number)
	return q
}

// Ask tells which of the first n Flows belong to connections: Known[i] is 1 for those.
func (q *Inquiry) Ask(n int) error {
	*(*uint32)(unsafe.Pointer(&q.frame[4])) = uint32(n)
	// The test part of union bpf_attr (uapi linux/bpf.h).
	attr := struct {
		progFD, retval          uint32
		dataSizeIn, dataSizeOut uint32
		dataIn, dataOut         uint64
		repeat, duration        uint32
		ctxSizeIn, ctxSizeOut   uint32
		ctxIn, ctxOut           uint64
		flags, cpu, batchSize   uint32
		_                       uint32
	}{progFD: uint32(q.program), dataSizeIn: uint32(len(q.frame)), dataIn: uint64(uintptr(unsafe.Pointer(&q.frame[0]))), repeat: 1}
	const bpfProgTestRun, xdpPass = 10, 2
	for {
		_, _, errno := unix.Syscall(unix.SYS_BPF, bpfProgTestRun, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		runtime.KeepAlive(q)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return fmt.Errorf("ask conntrack: %w", errno)
		case attr.retval != xdpPass:
			return errors.New("ask conntrack: the program refuses")
		default:
			return nil
		}
	}
}
