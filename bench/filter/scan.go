package filter

import (
	"encoding/binary"
	"math"
	"net/netip"

	"rampart/model"
)

// NoRule is what First gives for a packet that no rule matches.
const NoRule = -1

// Scanner decides packets by going through the list from the top. It is the benchmarks' judge of right and wrong, so it
// is as plain as can be: rules as masks and ranges, compared one after the other.
type Scanner struct {
	set  *Set
	rows []row
}

// wide is an address of either family, big-endian.
type wide struct{ hi, lo uint64 }

type row struct {
	src, srcMask, dst, dstMask wide
	srcLo, srcHi, dstLo, dstHi uint16
	ports, any                 bool
	protocol                   uint8
}

// NewScanner prepares a set for scanning.
func NewScanner(s *Set) *Scanner {
	c := &Scanner{set: s, rows: make([]row, len(s.Rules))}
	for i := range s.Rules {
		r := &s.Rules[i]
		w := &c.rows[i]
		w.src, w.srcMask = prefix(r.Src)
		w.dst, w.dstMask = prefix(r.Dst)
		w.srcLo, w.srcHi, w.dstLo, w.dstHi = r.SrcPorts.Min, r.SrcPorts.Max, r.DstPorts.Min, r.DstPorts.Max
		w.ports = r.HasSrcPorts() || r.HasDstPorts()
		w.protocol, w.any = r.Protocol, r.AnyProtocol
	}
	return c
}

// First is the position of the first rule that matches, or NoRule.
func (c *Scanner) First(p *model.Packet) int {
	src, dst := address(p.Src), address(p.Dst)
	for i := range c.rows {
		w := &c.rows[i]
		if src.hi&w.srcMask.hi != w.src.hi || src.lo&w.srcMask.lo != w.src.lo ||
			dst.hi&w.dstMask.hi != w.dst.hi || dst.lo&w.dstMask.lo != w.dst.lo {
			continue
		}
		if !w.any && p.Protocol != w.protocol {
			continue
		}
		if w.ports && (!p.HasPorts() || p.SrcPort < w.srcLo || p.SrcPort > w.srcHi || p.DstPort < w.dstLo || p.DstPort > w.dstHi) {
			continue
		}
		return i
	}
	return NoRule
}

// Decide is what the list does with a packet, and by which rule.
func (c *Scanner) Decide(p *model.Packet) (model.Action, int) {
	i := c.First(p)
	if i == NoRule {
		return c.set.Default, i
	}
	return c.set.Rules[i].Action, i
}

// address puts IPv4 into the upper half, so that both families compare alike.
func address(a netip.Addr) wide {
	if a.Is4() {
		b := a.As4()
		return wide{hi: uint64(binary.BigEndian.Uint32(b[:])) << 32}
	}
	b := a.As16()
	return wide{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func prefix(p netip.Prefix) (value, mask wide) {
	bits := p.Bits()
	if bits > 64 {
		mask = wide{math.MaxUint64, math.MaxUint64 << (128 - bits)}
	} else if bits > 0 {
		mask = wide{hi: math.MaxUint64 << (64 - bits)}
	}
	value = address(p.Masked().Addr())
	return value, mask
}
