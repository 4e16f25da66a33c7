package ruleset

import (
	"fmt"
	"strings"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Bits of ct state and ct status as the kernel stores them (nf_conntrack_common.h; NF_CT_STATE_BIT).
const (
	CTInvalid     = expr.CtStateBitINVALID
	CTEstablished = expr.CtStateBitESTABLISHED
	CTRelated     = expr.CtStateBitRELATED
	CTNew         = expr.CtStateBitNEW
	CTUntracked   = expr.CtStateBitUNTRACKED

	// CTStatusDNAT is IPS_DST_NAT: the connection's destination was rewritten.
	CTStatusDNAT = 1 << 5

	// TCPAck is set in every TCP packet but the one that opens a connection (RFC 9293, 3.1).
	TCPAck = 1 << 4
)

type bitName struct {
	bit  uint32
	name string
}

var (
	ctStates = []bitName{
		{CTInvalid, "invalid"}, {CTEstablished, "established"}, {CTRelated, "related"}, {CTNew, "new"}, {CTUntracked, "untracked"},
	}
	ctStatuses = []bitName{{CTStatusDNAT, "dnat"}}
	tcpFlags   = []bitName{{TCPAck, "ack"}}
)

func maskText(mask uint32, names []bitName) string {
	var words []string
	for _, n := range names {
		if mask&n.bit != 0 {
			words = append(words, n.name)
		}
	}
	return strings.Join(words, ",")
}

// Flags matches when any bit of Mask is set in the field, or with Not when none is. The field is CTState, CTStatus,
// Mark, CTMark or TCPFlags.
type Flags struct {
	Field Field
	Mask  uint32
	Not   bool
}

// Text implements Statement.
func (f Flags) Text(Context) string {
	op := "!="
	if f.Not {
		op = "=="
	}
	if f.Field == Mark || f.Field == CTMark {
		return fmt.Sprintf("%s & 0x%08x %s 0x00000000", f.Field, f.Mask, op)
	}
	word := f.Field.valueText(string(f.octets(f.Mask)))
	if f.Not {
		return f.Field.String() + " ! " + word
	}
	return f.Field.String() + " " + word
}

// Exprs implements Statement.
func (f Flags) Exprs(Binder) []expr.Any {
	const reg = unix.NFT_REG_1
	op := expr.CmpOpNeq
	if f.Not {
		op = expr.CmpOpEq
	}
	return []expr.Any{
		fields[f.Field].load(reg),
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: uint32(f.Field.Len()), Mask: f.octets(f.Mask), Xor: f.octets(0)},
		&expr.Cmp{Op: op, Register: reg, Data: f.octets(0)},
	}
}

// Eval implements Statement.
func (f Flags) Eval(m *Machine) Verdict {
	v, ok := m.load(f.Field)
	if !ok {
		return Verdict{Kind: Break}
	}
	set := false
	for i, m := range f.octets(f.Mask) {
		set = set || v[i]&m != 0
	}
	if set == f.Not {
		return Verdict{Kind: Break}
	}
	return Verdict{}
}

// octets are bits of the field as it is loaded.
func (f Flags) octets(bits uint32) []byte {
	if f.Field.Len() == 1 {
		return []byte{byte(bits)}
	}
	return binaryutil.NativeEndian.PutUint32(bits)
}
