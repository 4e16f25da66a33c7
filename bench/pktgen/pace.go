package pktgen

import (
	"encoding/binary"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Where a frame carries its stamp: the time at which it was due (nanoseconds of the monotonic clock), then a number, both
// in the host's byte order. They lie behind the longest headers the generator writes, at the end of what it copies.
const (
	timeOffset = 80
	tagOffset  = 88
	// StampedMin is the least length of frames with a stamp or a tag.
	StampedMin = headerMax
)

// A paced run is one system call, because nothing is sent between two. How often it must call the program, which mostly
// finds that it is not yet time, follows from how long a call takes; the first run starts with a short one to find out.
const (
	firstSpins = 1 << 13
	maxSpins   = 1 << 28
)

// runPaced sends by the timetable for about the given time.
func (g *Generator) runPaced(d time.Duration) (Result, error) {
	left := d
	return g.run(func(uint64, time.Duration) uint32 {
		n := uint32(firstSpins)
		if g.perSpin > 0 {
			if left < d/16 {
				return 0
			}
			n = uint32(min(max(float64(left)/g.perSpin, firstSpins), maxSpins))
			left -= time.Duration(float64(n) * g.perSpin)
		}
		return n
	})
}

func gapMap(gaps []uint32) (*ebpf.Map, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "gaps", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: uint32(len(gaps))})
	if err != nil {
		return nil, err
	}
	for i, g := range gaps {
		if err := m.Put(uint32(i), g); err != nil {
			_ = m.Close()
			return nil, err
		}
	}
	return m, nil
}

// restart makes the next frame due now.
func (g *Generator) restart() error {
	var raw [stateSize]byte
	if err := g.state.Lookup(uint32(0), &raw); err != nil {
		return err
	}
	binary.NativeEndian.PutUint64(raw[16:], 0)
	return g.state.Put(uint32(0), raw)
}

// pacer is sender with a timetable: a call before the next frame is due drops its frame, which costs next to nothing and
// sends nothing.
//
//	r6 data, r7 state, r8 now, r9 due
func pacer(frames, gaps, st *ebpf.Map, count, gapCount uint32, header int, ifindex uint32) asm.Instructions {
	in := asm.Instructions{
		asm.LoadMem(asm.R6, asm.R1, 0, asm.Word),
		asm.LoadMem(asm.R2, asm.R1, 4, asm.Word),
		asm.Mov.Reg(asm.R3, asm.R6),
		asm.Add.Imm(asm.R3, int32(header)),
		asm.JGT.Reg(asm.R3, asm.R2, "drop"),
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, st.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "drop"),
		asm.Mov.Reg(asm.R7, asm.R0),
		asm.FnKtimeGetNs.Call(),
		asm.Mov.Reg(asm.R8, asm.R0),
		asm.LoadMem(asm.R9, asm.R7, 16, asm.DWord),
		asm.JNE.Imm(asm.R9, 0, "timed"),
		asm.Mov.Reg(asm.R9, asm.R8),
		asm.JGT.Reg(asm.R9, asm.R8, "drop").WithSymbol("timed"),
		// The frame.
		asm.LoadMem(asm.R1, asm.R7, 8, asm.DWord),
		asm.StoreMem(asm.RFP, -4, asm.R1, asm.Word),
		asm.Add.Imm(asm.R1, 1),
		asm.JLT.Imm(asm.R1, int32(count), "next"),
		asm.Mov.Imm(asm.R1, 0),
		asm.StoreMem(asm.R7, 8, asm.R1, asm.DWord).WithSymbol("next"),
		asm.LoadMapPtr(asm.R1, frames.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "drop"),
	}
	for off := 0; off < header; off += 8 {
		if off == timeOffset || off == tagOffset {
			continue
		}
		in = append(in,
			asm.LoadMem(asm.R1, asm.R0, int16(off), asm.DWord),
			asm.StoreMem(asm.R6, int16(off), asm.R1, asm.DWord),
		)
	}
	return append(in,
		// The stamp.
		asm.StoreMem(asm.R6, timeOffset, asm.R9, asm.DWord),
		asm.LoadMem(asm.R1, asm.R7, 0, asm.DWord),
		asm.StoreMem(asm.R6, tagOffset, asm.R1, asm.DWord),
		asm.Mov.Reg(asm.R2, asm.R1),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R7, 0, asm.R1, asm.DWord),
		// When the next one is due.
		asm.And.Imm(asm.R2, int32(gapCount-1)),
		asm.StoreMem(asm.RFP, -4, asm.R2, asm.Word),
		asm.LoadMapPtr(asm.R1, gaps.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "drop"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.Word),
		asm.Add.Reg(asm.R9, asm.R1),
		asm.StoreMem(asm.R7, 16, asm.R9, asm.DWord),
		asm.Mov.Imm(asm.R1, int32(ifindex)),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return(),
		asm.Mov.Imm(asm.R0, xdpDrop).WithSymbol("drop"),
		asm.Return(),
	)
}
