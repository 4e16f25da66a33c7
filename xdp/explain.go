package xdp

import (
	"encoding/binary"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
	"rampart/xdp/classify"
	"rampart/xdp/table"
)

// Explain tells which path decides about a packet in one layer of a host endpoint, where the fast path is attached to its
// interface and nothing on the host limits it: early is true when the packet is dropped before the stack sees it, otherwise
// why says why it is left to nftables. ok is false where the fast path has no part at all: egress, forwarded packets,
// workloads.
func Explain(p *ir.Program, pr model.Probe) (early bool, why string, ok bool) {
	e := p.Endpoint(pr.Endpoint)
	if e == nil || e.Workload || pr.Direction != model.Ingress || pr.Layer == model.LayerForward {
		return false, "", false
	}
	k := &pr.Packet
	echo := k.Protocol == model.ProtoICMP && k.Src.Is4() && k.ICMPType == 8 || k.Protocol == model.ProtoICMPv6 && k.Src.Is6() && k.ICMPType == 128
	switch {
	case k.Fragment || !model.HasPorts(k.Protocol) && !echo:
		return false, "it judges only whole TCP, UDP and SCTP packets and echo requests", true
	case pr.Layer != model.LayerUntracked && !tracked(k.Protocol):
		return false, "of this protocol only untracked policy is applied early", true
	case pr.Layer == model.LayerNormal && p.Options.Reject:
		return false, "denied packets are answered", true
	}
	list := &flat.List{End: flat.End{Verdict: flat.Deny}}
	switch g := e.Group(pr.Direction, pr.Layer); {
	case g != nil:
		list = flat.Of(g)
	case pr.Layer != model.LayerNormal:
		return false, "the layer has no policy here", true
	}
	b := &table.Builder{Sets: p.Set, Deniers: &table.Deniers{}}
	t, err := b.Build(list)
	if err != nil {
		return false, err.Error(), true
	}
	switch ask(t, k) {
	case table.Deny:
		return true, "", true
	case table.Pass:
		return false, "a rule on the way logs, looks at HTTP or cannot be decided from addresses and ports alone", true
	}
	return false, "it is not denied here", true
}

// ask looks one packet up.
func ask(t *table.Table, k *model.Packet) table.Ruling {
	sport, dport := k.SrcPort, k.DstPort
	if !model.HasPorts(k.Protocol) {
		sport, dport = uint16(k.ICMPType), uint16(k.ICMPCode)
	}
	var a [1]table.Answer
	var v [1]uint32
	if k.Src.Is4() {
		src, dst := k.Src.As4(), k.Dst.As4()
		t.Lookup4([]classify.Key4{{Src: binary.BigEndian.Uint32(src[:]), Dst: binary.BigEndian.Uint32(dst[:]), SrcPort: sport, DstPort: dport,
			Protocol: k.Protocol}}, a[:], v[:])
	} else {
		t.Lookup6([]classify.Key6{{Src: k.Src.As16(), Dst: k.Dst.As16(), SrcPort: sport, DstPort: dport, Protocol: k.Protocol}}, a[:], v[:])
	}
	return a[0].Ruling
}
