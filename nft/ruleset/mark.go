package ruleset

import (
	"fmt"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// SetMark sets the bits of Mask in the packet's mark, or clears them, and leaves the others alone.
type SetMark struct {
	Mask  uint32
	Clear bool
}

// Text implements Statement.
func (s SetMark) Text(Context) string {
	if s.Clear {
		return fmt.Sprintf("meta mark set meta mark & 0x%08x", ^s.Mask)
	}
	return fmt.Sprintf("meta mark set meta mark | 0x%08x", s.Mask)
}

// Exprs implements Statement.
func (s SetMark) Exprs(Binder) []expr.Any {
	const reg = unix.NFT_REG_1
	xor := s.Mask
	if s.Clear {
		xor = 0
	}
	return []expr.Any{
		fields[Mark].load(reg),
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(^s.Mask), Xor: binaryutil.NativeEndian.PutUint32(xor)},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: reg, SourceRegister: true},
	}
}

// Eval implements Statement.
func (s SetMark) Eval(m *Machine) Verdict {
	if s.Clear {
		m.packet.Mark &^= s.Mask
	} else {
		m.packet.Mark |= s.Mask
	}
	return Verdict{}
}
