package xdp

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/xdp/bpf"
	"rampart/xdp/classify"
	"rampart/xdp/table"
)

// policy is what decides about the packets of one interface: the stages that nftables sends them through, in order. It is
// immutable but for its counts.
type policy struct {
	generation uint32
	// untracked, preDNAT and normal are nil where the layer decides nothing here.
	untracked, preDNAT, normal *table.Table
	// replies are protocol and source port of the answers to failsafe connections that the host makes: untracked policy
	// does not get to see them. Where that depends on the peer's address, false, they are nftables'.
	replies map[uint32]bool
	// locals are the host's own unicast addresses: only what is sent to them is subject to normal policy.
	locals4 map[uint32]struct{}
	locals6 map[[16]byte]struct{}
	deniers []table.Denier
	// slots are the deniers' counters in the kernel: 0 none yet, -1 none to be had, else the slot plus one.
	slots []atomic.Int32
	// tallies count what each worker has denied.
	tallies []tally
}

// tally is written by one worker and read by others.
type tally struct{ packets, octets []atomic.Uint64 }

func newTallies(workers, deniers int) []tally {
	out := make([]tally, workers)
	for i := range out {
		out[i] = tally{make([]atomic.Uint64, deniers), make([]atomic.Uint64, deniers)}
	}
	return out
}

func (t *tally) add(denier uint32, octets int) {
	// One writer: no need for a locked add.
	t.packets[denier].Store(t.packets[denier].Load() + 1)
	t.octets[denier].Store(t.octets[denier].Load() + uint64(octets))
}

// count adds what the workers have denied to counters by rule.
func (p *policy) count(into map[model.RuleID]ir.Counter) {
	for i := range p.tallies {
		t := &p.tallies[i]
		for d := range t.packets {
			if n := t.packets[d].Load(); n > 0 {
				c := into[p.deniers[d].Counter]
				c.Packets += n
				c.Bytes += t.octets[d].Load()
				into[p.deniers[d].Counter] = c
			}
		}
	}
}

func (p *policy) setLocals(list []netip.Addr) {
	p.locals4, p.locals6 = map[uint32]struct{}{}, map[[16]byte]struct{}{}
	for _, a := range list {
		if a.Is4() {
			b := a.As4()
			p.locals4[binary.BigEndian.Uint32(b[:])] = struct{}{}
		} else {
			p.locals6[a.As16()] = struct{}{}
		}
	}
}

func (p *policy) setReplies(list []ir.Failsafe) {
	p.replies = map[uint32]bool{}
	for _, f := range list {
		key := replyKey(f.Protocol, f.Port)
		p.replies[key] = p.replies[key] || !f.Net.IsValid()
	}
}

func replyKey(protocol uint8, sport uint16) uint32 { return uint32(protocol)<<16 | uint32(sport) }

// flags are those that the XDP program needs for this policy.
func (p *policy) flags() (f bpf.Flags) {
	if p.untracked != nil {
		f |= bpf.Untracked
	}
	return f
}

// decides tells whether any packet can be denied here.
func (p *policy) decides() bool { return p.untracked != nil || p.preDNAT != nil || p.normal != nil }

// ruling is what becomes of a packet: Deny with the denier, or Pass. A final denial does not depend on connections.
type ruling struct {
	table.Answer
	final bool
}

// judge is one worker's scratch space.
type judge struct {
	l4 lane[classify.Key4]
	l6 lane[classify.Key6]
}

// lane is a batch of packets of one family on their way through the layers.
type lane[K any] struct {
	keys    []K
	at      []int // index of the packet in the batch
	answers []table.Answer
	values  []uint32
}

func newJudge(batch int) *judge {
	return &judge{newLane[classify.Key4](batch), newLane[classify.Key6](batch)}
}

func newLane[K any](n int) lane[K] {
	return lane[K]{make([]K, 0, n), make([]int, 0, n), make([]table.Answer, n), make([]uint32, n)}
}

// judge rules on a batch: out[i] is Deny with the denier, or Pass, for packets[i].
func (j *judge) judge(p *policy, packets []packet, out []ruling) {
	j.l4.keys, j.l4.at, j.l6.keys, j.l6.at = j.l4.keys[:0], j.l4.at[:0], j.l6.keys[:0], j.l6.at[:0]
	for i := range packets {
		out[i] = ruling{}
		switch packets[i].version {
		case 4:
			j.l4.keys, j.l4.at = append(j.l4.keys, packets[i].k4), append(j.l4.at, i)
		case 6:
			j.l6.keys, j.l6.at = append(j.l6.keys, packets[i].k6), append(j.l6.at, i)
		}
	}
	j.layers4(p, out)
	j.layers6(p, out)
}

func (j *judge) layers4(p *policy, out []ruling) {
	l := &j.l4
	if t := p.untracked; t != nil && len(l.keys) > 0 {
		t.Lookup4(l.keys, l.answers, l.values)
		l.keep(out, func(k *classify.Key4) (table.Ruling, bool) { return p.reply(k.Protocol, k.SrcPort) })
	}
	l.only(func(k *classify.Key4) bool { return tracked(k.Protocol) })
	if t := p.preDNAT; t != nil && len(l.keys) > 0 {
		t.Lookup4(l.keys, l.answers, l.values)
		l.keep(out, nil)
	}
	if t := p.normal; t != nil {
		l.only(func(k *classify.Key4) bool { _, ok := p.locals4[k.Dst]; return ok })
		t.Lookup4(l.keys, l.answers, l.values)
		l.keep(out, nil)
	}
}

func (j *judge) layers6(p *policy, out []ruling) {
	l := &j.l6
	if t := p.untracked; t != nil && len(l.keys) > 0 {
		t.Lookup6(l.keys, l.answers, l.values)
		l.keep(out, func(k *classify.Key6) (table.Ruling, bool) { return p.reply(k.Protocol, k.SrcPort) })
	}
	l.only(func(k *classify.Key6) bool { return tracked(k.Protocol) })
	if t := p.preDNAT; t != nil && len(l.keys) > 0 {
		t.Lookup6(l.keys, l.answers, l.values)
		l.keep(out, nil)
	}
	if t := p.normal; t != nil {
		l.only(func(k *classify.Key6) bool { _, ok := p.locals6[k.Dst]; return ok })
		t.Lookup6(l.keys, l.answers, l.values)
		l.keep(out, nil)
	}
}

// keep writes down denials and leaves in the lane what the layer had no say about. exempt is for the untracked layer, whose
// denials are final: it picks packets that are not subject to it, and says what becomes of them instead.
func (l *lane[K]) keep(out []ruling, exempt func(*K) (table.Ruling, bool)) {
	n := 0
	for i := range l.keys {
		a := l.answers[i]
		if exempt != nil {
			if r, ok := exempt(&l.keys[i]); ok {
				a = table.Answer{Ruling: r}
			}
		}
		switch a.Ruling {
		case table.Deny:
			out[l.at[i]] = ruling{a, exempt != nil}
		case table.Continue:
			l.keys[n], l.at[n] = l.keys[i], l.at[i]
			n++
		}
	}
	l.keys, l.at = l.keys[:n], l.at[:n]
}

// only leaves in the lane what f holds for; the rest is nftables'.
func (l *lane[K]) only(f func(*K) bool) {
	n := 0
	for i := range l.keys {
		if f(&l.keys[i]) {
			l.keys[n], l.at[n] = l.keys[i], l.at[i]
			n++
		}
	}
	l.keys, l.at = l.keys[:n], l.at[:n]
}

// reply says what becomes of an answer to a failsafe connection in the untracked layer; ok is false for other packets.
func (p *policy) reply(protocol uint8, sport uint16) (r table.Ruling, ok bool) {
	anyPeer, ok := p.replies[replyKey(protocol, sport)]
	if anyPeer {
		return table.Continue, ok
	}
	return table.Pass, ok
}

// tracked tells whether conntrack was asked about the packet: it then belongs to no connection, which the layers after
// the untracked one presuppose.
func tracked(protocol uint8) bool { return protocol == model.ProtoTCP || protocol == model.ProtoUDP }
