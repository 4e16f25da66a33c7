package xdp

import (
	"net/netip"
	"testing"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
	"rampart/xdp/table"
)

var failsafes = []ir.Failsafe{
	{Protocol: model.ProtoUDP, Port: 53},
	{Protocol: model.ProtoTCP, Port: 179, Net: netip.MustParsePrefix("192.0.2.0/24")},
	{Protocol: model.ProtoTCP, Port: 180, Net: netip.MustParsePrefix("192.0.2.0/24")}, {Protocol: model.ProtoTCP, Port: 180},
}

// layer is a table that denies packets of one protocol and has no say about others, or, as the normal layer, denies all.
func layer(t testing.TB, d *table.Deniers, protocol uint8, end flat.Verdict) *table.Table {
	t.Helper()
	b := &table.Builder{Deniers: d, Sets: func(ir.SetID) *ir.Set { return nil }}
	tab, err := b.Build(&flat.List{
		Entries: []flat.Entry{{Rule: &ir.Rule{ID: model.RuleID(protocol), Match: ir.Match{Protocol: protocol}}, Verdict: flat.Deny}},
		End:     flat.End{Verdict: end},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// packets parses the test frames.
func testPackets(t testing.TB) []packet {
	var out []packet
	for _, b := range testFrames(t) {
		var p packet
		parse(b, &p)
		out = append(out, p)
	}
	return out
}

func protocolOf(p *packet) uint8 { return max(p.k4.Protocol, p.k6.Protocol) }

// The layers decide in nftables' order; those behind conntrack only about what conntrack could be asked about, and normal
// policy only about what is for the host itself.
func TestLayers(t *testing.T) {
	d := &table.Deniers{}
	untracked, normal := layer(t, d, model.ProtoSCTP, flat.Continue), layer(t, d, model.ProtoTCP, flat.Deny)
	locals := []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8::2")}
	for _, tc := range []struct {
		name   string
		policy policy
		locals []netip.Addr
		denied []uint8 // protocols
		final  bool
	}{
		{"nothing", policy{}, locals, nil, false},
		{"untracked", policy{untracked: untracked}, locals, []uint8{model.ProtoSCTP}, true},
		{"preDNAT", policy{preDNAT: untracked}, locals, nil, false},
		{"normal", policy{normal: normal}, locals, []uint8{model.ProtoTCP, model.ProtoUDP}, false},
		{"forwarded", policy{normal: normal}, nil, nil, false},
	} {
		tc.policy.setLocals(tc.locals)
		packets := testPackets(t)
		out := make([]ruling, len(packets))
		newJudge(len(packets)).judge(&tc.policy, packets, out)
		for i := range packets {
			want := false
			for _, p := range tc.denied {
				want = want || p == protocolOf(&packets[i])
			}
			if got := out[i].Ruling == table.Deny; got != want || got && out[i].final != tc.final {
				t.Errorf("%s: protocol %d: %+v, want denied %v", tc.name, protocolOf(&packets[i]), out[i], want)
			}
		}
	}
}

func TestJudgingDoesNotAllocate(t *testing.T) {
	d := &table.Deniers{}
	p := &policy{untracked: layer(t, d, model.ProtoSCTP, flat.Continue), normal: layer(t, d, model.ProtoTCP, flat.Deny)}
	p.setLocals([]netip.Addr{netip.MustParseAddr("198.51.100.1")})
	p.setReplies(failsafes)
	frames := testFrames(t)
	packets, out := make([]packet, len(frames)), make([]ruling, len(frames))
	j := newJudge(len(frames))
	var r repeats
	if n := testing.AllocsPerRun(100, func() {
		for i := range frames {
			parse(frames[i], &packets[i])
			complete(frames[i], &packets[i])
			r.seen(&packets[i])
			_ = flowOf(&packets[i])
		}
		j.judge(p, packets, out)
	}); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}
