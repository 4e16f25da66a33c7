package pktgen

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Recorder is a sink that knows which frames arrive: it reads the number in each frame's stamp or tag. The number modulo
// Frames is the frame's place in the generator's circle.
type Recorder struct {
	Program  *ebpf.Program
	arrivals *ebpf.Map
	delays   *ebpf.Map
	frames   int
}

// Arrival is what became of one frame of the circle, which may have been sent many times.
type Arrival struct {
	// Count is how often it arrived; First and Last when, in nanoseconds of the monotonic clock.
	Count, First, Last uint64
	// FirstTag and LastTag are the numbers that it carried then.
	FirstTag, LastTag uint64
}

const arrivalSize = 40

// maxDelays bounds the delays that are kept: the last so many.
const maxDelays = 1 << 20

// NewRecorder makes a recorder for frames that carry numbers modulo frames; with delays it keeps how long each stamped
// frame took.
func NewRecorder(frames int, delays bool) (*Recorder, error) {
	r := &Recorder{frames: frames}
	if err := r.load(delays); err != nil {
		_ = r.Close()
		return nil, fmt.Errorf("load the recorder: %w", err)
	}
	return r, nil
}

func (r *Recorder) load(delays bool) (err error) {
	r.arrivals, err = ebpf.NewMap(&ebpf.MapSpec{Name: "arrivals", Type: ebpf.Array, KeySize: 4, ValueSize: arrivalSize, MaxEntries: uint32(r.frames)})
	if err != nil {
		return err
	}
	if delays {
		r.delays, err = ebpf.NewMap(&ebpf.MapSpec{Name: "delays", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: maxDelays})
		if err != nil {
			return err
		}
	}
	r.Program, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "recorder", Type: ebpf.XDP, License: "GPL", Instructions: recorder(r.arrivals, r.delays, uint32(r.frames)),
	})
	return err
}

// Close frees the program and its maps.
func (r *Recorder) Close() error {
	var errs []error
	if r.Program != nil {
		errs = append(errs, r.Program.Close())
	}
	for _, m := range []*ebpf.Map{r.arrivals, r.delays} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	return errors.Join(errs...)
}

// Arrival reads one frame's record.
func (r *Recorder) Arrival(frame int) (a Arrival, err error) {
	var raw [arrivalSize]byte
	if err := r.arrivals.Lookup(uint32(frame), &raw); err != nil {
		return a, err
	}
	for i, f := range []*uint64{&a.Count, &a.First, &a.Last, &a.FirstTag, &a.LastTag} {
		*f = binary.NativeEndian.Uint64(raw[8*i:])
	}
	return a, nil
}

// Arrivals reads the records of all frames.
func (r *Recorder) Arrivals() ([]Arrival, error) {
	out := make([]Arrival, r.frames)
	for i := range out {
		var err error
		if out[i], err = r.Arrival(i); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Delays are the times in nanoseconds from when frames were due until they arrived, 0 where none did. sent is the
// generator's count.
func (r *Recorder) Delays(sent uint64) ([]uint32, error) {
	if r.delays == nil {
		return nil, errors.New("the recorder keeps no delays")
	}
	n := uint32(min(sent, maxDelays))
	out := make([]uint32, n)
	for i := range n {
		if err := r.delays.Lookup(i, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// recorder writes down and drops what has a number; what is short, or for many receivers, passes.
//
//	r6 data, r7 now, r8 the number
func recorder(arrivals, delays *ebpf.Map, frames uint32) asm.Instructions {
	in := asm.Instructions{
		asm.LoadMem(asm.R6, asm.R1, 0, asm.Word),
		asm.LoadMem(asm.R2, asm.R1, 4, asm.Word),
		asm.Mov.Reg(asm.R3, asm.R6),
		asm.Add.Imm(asm.R3, StampedMin),
		asm.JGT.Reg(asm.R3, asm.R2, "pass"),
	}
	in = append(append(in, multicast("pass")...),
		asm.FnKtimeGetNs.Call(),
		asm.Mov.Reg(asm.R7, asm.R0),
		asm.LoadMem(asm.R8, asm.R6, tagOffset, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R8),
		asm.Mod.Imm(asm.R1, int32(frames)),
		asm.StoreMem(asm.RFP, -4, asm.R1, asm.Word),
		asm.LoadMapPtr(asm.R1, arrivals.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "drop"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.JNE.Imm(asm.R1, 0, "again"),
		asm.StoreMem(asm.R0, 8, asm.R7, asm.DWord),
		asm.StoreMem(asm.R0, 24, asm.R8, asm.DWord),
		asm.Add.Imm(asm.R1, 1).WithSymbol("again"),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.StoreMem(asm.R0, 16, asm.R7, asm.DWord),
		asm.StoreMem(asm.R0, 32, asm.R8, asm.DWord),
	)
	if delays != nil {
		in = append(in,
			asm.LoadMem(asm.R1, asm.R6, timeOffset, asm.DWord),
			asm.Sub.Reg(asm.R7, asm.R1),
			asm.And.Imm(asm.R8, maxDelays-1),
			asm.StoreMem(asm.RFP, -4, asm.R8, asm.Word),
			asm.LoadMapPtr(asm.R1, delays.FD()),
			asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, -4),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "drop"),
			asm.StoreMem(asm.R0, 0, asm.R7, asm.Word),
		)
	}
	return append(in,
		asm.Mov.Imm(asm.R0, xdpDrop).WithSymbol("drop"),
		asm.Return(),
		asm.Mov.Imm(asm.R0, xdpPass).WithSymbol("pass"),
		asm.Return(),
	)
}
