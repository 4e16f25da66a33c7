package xdp

import (
	"encoding/binary"
	"net/netip"

	"rampart/xdp/bpf"
)

// flowOf is the packet's key in the verdict cache.
func flowOf(p *packet) bpf.Flow {
	if p.version == 4 {
		return bpf.NewFlow(addr4(p.k4.Src), addr4(p.k4.Dst), p.k4.SrcPort, p.k4.DstPort, p.k4.Protocol)
	}
	return bpf.NewFlow(netip.AddrFrom16(p.k6.Src), netip.AddrFrom16(p.k6.Dst), p.k6.SrcPort, p.k6.DstPort, p.k6.Protocol)
}

func addr4(v uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return netip.AddrFrom4(b)
}
