// Package pktgen is a packet generator that needs no driver and no kernel module: it runs a small XDP program with
// BPF_PROG_TEST_RUN in live-frames mode (Linux 5.18, Documentation/bpf/bpf_prog_run.rst), and the program redirects
// each frame to one end of a veth pair, so that it arrives on the other end as if from a wire.
//
//	frames ([]Frame) ──► array map ──► XDP program: copy the next frame, bpf_redirect ──► veth ══ veth ──► under test
//
// The kernel recycles the frames without restoring them, and a network stack changes what it forwards, so the program
// writes every header anew. The loop paces itself: the receiving side runs in softirq on the same core, so nothing is
// lost between the two and the rate of the generator is the rate of the path.
//
// A generator may also follow a timetable (Config.Gaps); a Recorder on the far side then knows which frame arrived when and
// how late.
//
// The receiving end needs NAPI, or the redirect fails: an XDP program on it, or generic receive offload switched on.
// A Generator is for one goroutine at a time; several may run at once, on different cores.
package pktgen
