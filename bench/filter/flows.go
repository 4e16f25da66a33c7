package filter

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"rampart/model"
)

// Place says which rule of the list the packets match first.
type Place string

// The places. Any draws the rule anew for every flow.
const (
	PlaceFirst  Place = "first"
	PlaceMiddle Place = "middle"
	PlaceLast   Place = "last"
	PlaceNone   Place = "none"
	PlaceAny    Place = "any"
)

// Traffic says what packets are sent.
type Traffic string

// The kinds of traffic. Mixed takes whatever protocol the matched rules ask for. Flood comes from sources that change
// with every packet.
const (
	TrafficMixed Traffic = "mixed"
	TrafficUDP   Traffic = "udp"
	TrafficSYN   Traffic = "syn"
	TrafficFlood Traffic = "flood"
)

// Flow is a packet, what the list decides about it, and by which rule (NoRule for the default).
type Flow struct {
	Packet model.Packet
	Want   model.Action
	Rule   int
}

// ErrNoSuchPacket says that the list has no place for the wanted packets.
var ErrNoSuchPacket = errors.New("no such packet")

// drawTries bounds the search for a packet that a rule is the first to match; shadowed rules have none.
const drawTries = 24

// Flows draws up to n different flows. There are fewer where the rule leaves less choice, but always one.
func (c *Scanner) Flows(place Place, traffic Traffic, n int, seed uint64) ([]Flow, error) {
	d := &drawing{Scanner: c, traffic: traffic, r: rand.New(rand.NewPCG(seed, 21)), seen: map[model.Packet]bool{}}
	var next func() (model.Packet, int, bool)
	switch place {
	case PlaceNone:
		next = d.unmatched
	case PlaceAny:
		next = func() (model.Packet, int, bool) {
			i := d.r.IntN(len(c.rows))
			p, ok := d.from(i)
			return p, NoRule, ok
		}
	case PlaceFirst, PlaceMiddle, PlaceLast:
		rule, err := d.find(place)
		if err != nil {
			return nil, err
		}
		next = func() (model.Packet, int, bool) {
			p, ok := d.from(rule)
			return p, rule, ok
		}
	default:
		return nil, fmt.Errorf("unknown place %q", place)
	}
	var out []Flow
	for tries := 0; len(out) < n && tries < drawTries*n; tries++ {
		p, want, ok := next()
		if !ok || d.seen[p] {
			continue
		}
		action, i := c.Decide(&p)
		if place != PlaceAny && i != want {
			continue
		}
		d.seen[p] = true
		out = append(out, Flow{p, action, i})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: %s traffic that matches %s in %s", ErrNoSuchPacket, traffic, place, c.set.Name)
	}
	return out, nil
}

type drawing struct {
	*Scanner
	traffic Traffic
	r       *rand.Rand
	seen    map[model.Packet]bool
}

// find is a rule near the place that some packet of the traffic matches first.
func (d *drawing) find(place Place) (int, error) {
	n := len(d.rows)
	for step := range n {
		i := step
		switch place {
		case PlaceMiddle:
			// Outwards from the middle: n/2, n/2-1, n/2+1, …
			i = n/2 + (step+1)/2*(1-2*(step%2))
			if i < 0 || i >= n {
				continue
			}
		case PlaceLast:
			i = n - 1 - step
		}
		for range drawTries {
			if p, ok := d.from(i); ok {
				if _, first := d.Decide(&p); first == i {
					return i, nil
				}
			}
		}
	}
	return 0, fmt.Errorf("%w: %s traffic that matches %s in %s", ErrNoSuchPacket, d.traffic, place, d.set.Name)
}

// from draws a packet inside a rule. It fails when the rule is about other traffic.
func (d *drawing) from(i int) (model.Packet, bool) {
	f := d.set.Rules[i].Filter
	protocol := map[Traffic]uint8{TrafficUDP: model.ProtoUDP, TrafficSYN: model.ProtoTCP, TrafficFlood: model.ProtoTCP}[d.traffic]
	if protocol != 0 {
		if !f.AnyProtocol && f.Protocol != protocol {
			return model.Packet{}, false
		}
		f.Protocol, f.AnyProtocol = protocol, false
	}
	// Sources and destinations that a rule leaves open still come from the address plan.
	if f.Src.Bits() == 0 {
		f.Src = space(d.set.Family, strangers4, strangers6)
	}
	if f.Dst.Bits() == 0 {
		f.Dst = space(d.set.Family, receivers4, receivers6)
	}
	p := f.Packet(d.r)
	switch p.Protocol {
	case model.ProtoTCP, model.ProtoUDP:
		// Port 0 is no port to send from or to, and conntrack says so.
		p.SrcPort, p.DstPort = max(1, p.SrcPort), max(1, p.DstPort)
	case model.ProtoICMP, model.ProtoICMPv6:
		p.ICMPType, p.SrcPort, p.DstPort = 8, 0, 0
		if p.Protocol == model.ProtoICMPv6 {
			p.ICMPType = 128
		}
	default:
		// Packets of other protocols need contents of their own, or connection tracking calls them invalid.
		return p, false
	}
	return p, d.set.Rules[i].matches(&p)
}

// matches tells whether the packet is inside the rule.
func (r *Rule) matches(p *model.Packet) bool {
	one := NewScanner(&Set{Family: familyOf(r.Src), Rules: []Rule{*r}})
	return one.First(p) == 0
}

// unmatched draws a packet from a stranger, to a receiver.
func (d *drawing) unmatched() (model.Packet, int, bool) {
	from := space(d.set.Family, strangers4, strangers6)
	if d.traffic == TrafficFlood && d.r.IntN(2) == 0 {
		from = space(d.set.Family, senders4, senders6)
	}
	p := model.Packet{
		Src: randomIn(d.r, from), Dst: randomIn(d.r, space(d.set.Family, receivers4, receivers6)), Protocol: model.ProtoUDP,
		SrcPort: uint16(1024 + d.r.IntN(60000)), DstPort: uint16(1 + d.r.IntN(65535)),
	}
	if d.traffic == TrafficSYN || d.traffic == TrafficFlood || d.traffic == TrafficMixed && d.r.IntN(2) == 0 {
		p.Protocol = model.ProtoTCP
	}
	return p, NoRule, unicastAddr(p.Src)
}

func unicastAddr(a netip.Addr) bool { return a.IsGlobalUnicast() && !a.IsLoopback() }

// Zipf gives n positions in a list of flows, drawn so that the k-th most frequent flow comes 1/k^1.1 times as often as the
// first: a few flows carry most of the traffic.
func Zipf(flows, n int, seed uint64) []int {
	r := rand.New(rand.NewPCG(seed, 22))
	order := r.Perm(flows)
	z := rand.NewZipf(r, 1.1, 1, uint64(flows-1))
	out := make([]int, n)
	for i := range out {
		out[i] = order[z.Uint64()]
	}
	return out
}
