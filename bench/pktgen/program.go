package pktgen

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Return codes of XDP programs (uapi linux/bpf.h, enum xdp_action).
const (
	xdpDrop = 1
	xdpPass = 2
)

// state is the value of the one-entry state map: how many frames were sent, the next frame's index and, when paced, the
// time at which it is due on the kernel's monotonic clock, 0 for now.
type state struct{ Sent, Next, Due uint64 }

// stateSize is the size of state.
const stateSize = 24

// sender is the program that overwrites the frame it is given with the next one of frames and redirects it.
//
//	r6 data, r7 state, r8 bytes of the frame to copy from
func sender(frames, st *ebpf.Map, count uint32, header int, ifindex uint32, random bool) asm.Instructions {
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
		asm.LoadMem(asm.R1, asm.R7, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R7, 0, asm.R1, asm.DWord),
	}
	if random {
		in = append(in,
			asm.FnGetPrandomU32.Call(),
			asm.Mod.Imm32(asm.R0, int32(count)),
			asm.StoreMem(asm.RFP, -4, asm.R0, asm.Word),
		)
	} else {
		in = append(in,
			asm.LoadMem(asm.R1, asm.R7, 8, asm.DWord),
			asm.StoreMem(asm.RFP, -4, asm.R1, asm.Word),
			asm.Add.Imm(asm.R1, 1),
			asm.JLT.Imm(asm.R1, int32(count), "next"),
			asm.Mov.Imm(asm.R1, 0),
			asm.StoreMem(asm.R7, 8, asm.R1, asm.DWord).WithSymbol("next"),
		)
	}
	in = append(in,
		asm.LoadMapPtr(asm.R1, frames.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "drop"),
	)
	for off := 0; off < header; off += 8 {
		in = append(in,
			asm.LoadMem(asm.R1, asm.R0, int16(off), asm.DWord),
			asm.StoreMem(asm.R6, int16(off), asm.R1, asm.DWord),
		)
	}
	return append(in,
		asm.Mov.Imm(asm.R1, int32(ifindex)),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return(),
		asm.Mov.Imm(asm.R0, xdpDrop).WithSymbol("drop"),
		asm.Return(),
	)
}

// multicast goes to the label when the frame at r6, whose length has been checked, is for many receivers: that is how ARP,
// neighbour discovery and the like arrive, which no generator has sent.
func multicast(label string) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R3, asm.R6, 0, asm.Byte),
		asm.And.Imm(asm.R3, 1),
		asm.JNE.Imm(asm.R3, 0, label),
	}
}

// sink counts what arrives in the one-entry map and drops it, except what is for many receivers, and ARP.
func sink(counter *ebpf.Map) asm.Instructions {
	in := asm.Instructions{
		asm.LoadMem(asm.R6, asm.R1, 0, asm.Word),
		asm.LoadMem(asm.R2, asm.R1, 4, asm.Word),
		asm.Mov.Reg(asm.R3, asm.R6),
		asm.Add.Imm(asm.R3, 14),
		asm.JGT.Reg(asm.R3, asm.R2, "drop"),
	}
	return append(append(in, multicast("pass")...),
		asm.LoadMem(asm.R3, asm.R6, 12, asm.Half),
		asm.JEq.Imm(asm.R3, 0x0608, "pass"), // ETH_P_ARP in network byte order
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, counter.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "drop"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R0, xdpDrop).WithSymbol("drop"),
		asm.Return(),
		asm.Mov.Imm(asm.R0, xdpPass).WithSymbol("pass"),
		asm.Return(),
	)
}
