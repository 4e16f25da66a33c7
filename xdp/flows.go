package xdp

import (
	"context"
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"

	"rampart/engine/ir"
	"rampart/model"
)

// flows are reports of denied packets on their way to whoever watches: so many a second, and none that would have to wait.
type flows struct {
	queue chan ir.Flow
	// left is how many more may be reported, a packet counting ticksPerSecond; every tick adds a second's worth of packets.
	left      atomic.Int64
	perSecond int64
}

// ticksPerSecond is how often the backend's clock ticks.
const ticksPerSecond = int64(time.Second / tick)

func newFlows(perSecond int) *flows {
	return &flows{queue: make(chan ir.Flow, 64), perSecond: int64(perSecond)}
}

// refill is called with every tick. What was not used up does not add up to a burst.
func (f *flows) refill() {
	if f.left.Load() < max(f.perSecond, ticksPerSecond) {
		f.left.Add(f.perSecond)
	}
}

// report reports a denied packet, if there is room for it. Any worker may call it; it does not wait.
func (f *flows) report(in string, rule model.RuleID, p *packet) {
	if f.left.Load() < ticksPerSecond {
		return
	}
	if f.left.Add(-ticksPerSecond) < 0 { // another worker has taken it
		f.left.Add(ticksPerSecond)
		return
	}
	select {
	case f.queue <- ir.Flow{Time: time.Now(), Rule: rule, In: in, Packet: p.model(), Length: p.end - p.l3}:
	default:
	}
}

// model is the packet as policies see it.
func (p *packet) model() model.Packet {
	out := model.Packet{Protocol: p.k4.Protocol, SrcPort: p.k4.SrcPort, DstPort: p.k4.DstPort}
	if p.version == 6 {
		out = model.Packet{Protocol: p.k6.Protocol, SrcPort: p.k6.SrcPort, DstPort: p.k6.DstPort}
		out.Src, out.Dst = netip.AddrFrom16(p.k6.Src), netip.AddrFrom16(p.k6.Dst)
	} else {
		var b [8]byte
		binary.BigEndian.PutUint32(b[:4], p.k4.Src)
		binary.BigEndian.PutUint32(b[4:], p.k4.Dst)
		out.Src, out.Dst = netip.AddrFrom4([4]byte(b[:4])), netip.AddrFrom4([4]byte(b[4:]))
	}
	if !model.HasPorts(out.Protocol) {
		out.ICMPType, out.ICMPCode = uint8(out.SrcPort), uint8(out.DstPort)
		out.SrcPort, out.DstPort = 0, 0
	}
	return out
}

// WatchFlows implements engine.FlowWatcher: it reports some of the packets that workers deny (Config.FlowRate), by the rule
// or default that denied them. Packets dropped on cached verdicts are only counted.
func (b *Backend) WatchFlows(ctx context.Context, flow func(ir.Flow)) error {
	for {
		select {
		case f := <-b.flows.queue:
			flow(f)
		case <-ctx.Done():
			return nil
		}
	}
}
