package pktgen

import (
	"errors"
	"runtime"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// testRunAttr is the test part of union bpf_attr (uapi linux/bpf.h), as BPF_PROG_TEST_RUN reads and writes it.
type testRunAttr struct {
	progFD, retval          uint32
	dataSizeIn, dataSizeOut uint32
	dataIn, dataOut         uint64
	repeat, duration        uint32
	ctxSizeIn, ctxSizeOut   uint32
	ctxIn, ctxOut           uint64
	flags, cpu, batchSize   uint32
	_                       uint32
}

// testRun runs p on n live frames, so many at a time, and returns the average time per frame as the kernel measured it: without setting up
// and tearing down its page pool (milliseconds), and without the time the thread was scheduled away. Package ebpf has
// this system call too, but not this result of it.
func testRun(p *ebpf.Program, frame []byte, n, inFlight uint32) (time.Duration, error) {
	const bpfProgTestRun = 10
	attr := testRunAttr{
		progFD: uint32(p.FD()), dataSizeIn: uint32(len(frame)), dataIn: uint64(uintptr(unsafe.Pointer(&frame[0]))),
		repeat: n, flags: liveFrames, batchSize: inFlight,
	}
	for {
		_, _, errno := unix.Syscall(unix.SYS_BPF, bpfProgTestRun, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		runtime.KeepAlive(frame)
		if errors.Is(errno, unix.EINTR) {
			continue
		}
		if errno != 0 {
			return 0, errno
		}
		return time.Duration(attr.duration), nil
	}
}
