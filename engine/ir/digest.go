package ir

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"

	"rampart/model"
)

// digest collects an unambiguous binary form of program objects for hashing: strings and lists carry their length,
// numbers have a fixed width, big-endian.
type digest []byte

func (d *digest) byte(b byte)     { *d = append(*d, b) }
func (d *digest) u16(n uint16)    { *d = binary.BigEndian.AppendUint16(*d, n) }
func (d *digest) u64(n uint64)    { *d = binary.BigEndian.AppendUint64(*d, n) }
func (d *digest) length(n int)    { *d = binary.AppendUvarint(*d, uint64(n)) }
func (d *digest) string(s string) { d.length(len(s)); *d = append(*d, s...) }

func (d *digest) bool(b bool) {
	if b {
		d.byte(1)
	} else {
		d.byte(0)
	}
}

func (d *digest) addr(a netip.Addr) {
	d.byte(byte(a.BitLen()))
	if a.Is4() {
		b := a.As4()
		*d = append(*d, b[:]...)
		return
	}
	b := a.As16()
	*d = append(*d, b[:]...)
}

func (d *digest) prefixes(list []netip.Prefix) {
	d.length(len(list))
	for _, p := range list {
		d.prefix(p)
	}
}

func (d *digest) prefix(p netip.Prefix) {
	d.addr(p.Addr())
	d.byte(byte(p.Bits()))
}

// chunks is a list of prefixes with the sums of its chunks in place of the longer ones; equal lists have equal chunks.
func (d *digest) chunks(p Prefixes) {
	d.length(p.n)
	for i := range p.chunks {
		if c := &p.chunks[i]; len(c.list) >= minSum {
			d.byte(0) // no prefix begins so
			d.length(len(c.list))
			*d = append(*d, c.sum[:]...)
		} else {
			for _, x := range c.list {
				d.prefix(x)
			}
		}
	}
}

func (d *digest) ranges(list []PortRange) {
	d.length(len(list))
	for _, r := range list {
		d.u16(r.Min)
		d.u16(r.Max)
	}
}

func (d *digest) setIDs(list []SetID) {
	d.length(len(list))
	for _, id := range list {
		d.string(string(id))
	}
}

func (d *digest) strings(list []string) {
	d.length(len(list))
	for _, s := range list {
		d.string(s)
	}
}

func (d *digest) icmp(m *ICMP) {
	d.bool(m != nil)
	if m != nil {
		d.byte(m.Type)
		d.bool(m.HasCode)
		d.byte(m.Code)
	}
}

func (d *digest) peer(p *Peer) {
	d.prefixes(p.Nets)
	d.prefixes(p.NotNets)
	d.setIDs(p.Sets)
	d.setIDs(p.NotSets)
	d.ranges(p.Ports)
	d.setIDs(p.PortSets)
	d.ranges(p.NotPorts)
	d.setIDs(p.NotPortSets)
}

func (d *digest) http(h *model.HTTPMatch) {
	d.bool(h != nil)
	if h == nil {
		return
	}
	d.strings(h.Methods)
	d.length(len(h.Paths))
	for _, p := range h.Paths {
		d.string(p.Exact)
		d.string(p.Prefix)
	}
}

// rule is the content of a rule: all but ID, index and origin.
func (d *digest) rule(r *Rule) {
	d.string(string(r.Action))
	d.byte(r.Match.IPVersion)
	d.byte(r.Match.Protocol)
	d.byte(r.Match.NotProtocol)
	d.icmp(r.Match.ICMP)
	d.icmp(r.Match.NotICMP)
	d.peer(&r.Match.Src)
	d.peer(&r.Match.Dst)
	d.http(r.Match.HTTP)
}

func (d *digest) rules(list []*Rule) {
	d.bool(list != nil)
	d.length(len(list))
	for _, r := range list {
		d.u64(uint64(r.ID))
		d.length(r.Index)
		d.rule(r)
	}
}

func (d *digest) options(o *Options) {
	d.strings(o.WorkloadPrefixes)
	for _, list := range [2][]Failsafe{o.FailsafeIn, o.FailsafeOut} {
		d.length(len(list))
		for _, f := range list {
			d.byte(f.Protocol)
			d.bool(f.Net.IsValid())
			if f.Net.IsValid() {
				d.prefixes([]netip.Prefix{f.Net})
			}
			d.u16(f.Port)
		}
	}
	d.string(string(o.EndpointToHost))
	d.bool(o.Reject)
	d.bool(o.KeepInvalid)
	d.u16(o.LogGroup)
	d.string(o.LogPrefix)
	d.u64(uint64(o.LogRate))
	if o.CutMark != 0 { // the last field, so leaving it out is unambiguous
		d.u64(uint64(o.CutMark))
	}
}

func (d *digest) origin(o model.Origin) {
	d.string(o.File)
	d.length(o.Line)
	d.length(o.Column)
}

func (d *digest) state(s *PolicyState) {
	d.string(string(s.Key.Kind))
	d.string(s.Key.Namespace)
	d.string(s.Key.Name)
	d.string(s.Tier)
	d.origin(s.Origin)
	d.bool(s.Active)
	d.strings(s.Reasons)
	d.length(s.Endpoints)
}

// sum is the first eight bytes of the SHA-256, never 0 because 0 means "not computed".
func (d digest) sum() uint64 {
	h := sha256.Sum256(d)
	return max(binary.BigEndian.Uint64(h[:8]), 1)
}
