package table

import (
	"encoding/binary"
	"flag"
	"testing"

	"rampart/bench/gen"
	"rampart/engine/compile"
	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
	"rampart/model/store"
	"rampart/xdp/classify"
)

var (
	seedFlag  = flag.Uint64("seed", 1, "first seed of the differential test")
	countFlag = flag.Int("worlds", 300, "how many random worlds the differential test compiles")
)

// judged tells whether a packet is one that the XDP program lets a table judge.
func judged(p *model.Packet) bool {
	switch p.Protocol {
	case model.ProtoTCP, model.ProtoUDP, model.ProtoSCTP:
		return !p.Fragment
	case model.ProtoICMP:
		return !p.Fragment && p.ICMPType == 8 && p.IPVersion() == 4
	case model.ProtoICMPv6:
		return !p.Fragment && p.ICMPType == 128 && p.IPVersion() == 6
	}
	return false
}

// ask asks a table about a packet.
func ask(t *Table, p *model.Packet) Answer {
	sport, dport := p.SrcPort, p.DstPort
	if !model.HasPorts(p.Protocol) {
		sport, dport = uint16(p.ICMPType), uint16(p.ICMPCode)
	}
	var a [1]Answer
	var v [1]uint32
	if p.Src.Is4() {
		s, d := p.Src.As4(), p.Dst.As4()
		t.Lookup4([]classify.Key4{{Src: binary.BigEndian.Uint32(s[:]), Dst: binary.BigEndian.Uint32(d[:]), SrcPort: sport, DstPort: dport,
			Protocol: p.Protocol}}, a[:], v[:])
	} else {
		t.Lookup6([]classify.Key6{{Src: p.Src.As16(), Dst: p.Dst.As16(), SrcPort: sport, DstPort: dport, Protocol: p.Protocol}}, a[:], v[:])
	}
	return a[0]
}

// tables builds the tables of all groups of a program.
func tables(t testing.TB, p *ir.Program, limits Limits) (map[ir.GroupID]*Table, *Deniers) {
	t.Helper()
	d := &Deniers{}
	b := &Builder{Sets: p.Set, Limits: limits, Deniers: d}
	out := map[ir.GroupID]*Table{}
	for id, l := range flat.Build(p).Heads {
		tab, err := b.Build(l)
		if err != nil {
			t.Fatal(err)
		}
		out[id] = tab
	}
	return out, d
}

// On random policies and packets a table that is sure agrees with the reference evaluator; and it is sure of most.
func TestSureAnswersAgreeWithTheEvaluator(t *testing.T) {
	for _, tc := range []struct {
		name   string
		limits Limits
		least  float64 // share of sure answers
	}{
		{"usual limits", Limits{}, 0.8},
		{"at most 3 boxes a rule", Limits{EntryBoxes: 3}, 0.3},
		{"at most 20 boxes a table", Limits{Boxes: 20}, 0.3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := gen.DefaultConfig()
			var rulings [another]int
			for i := range *countFlag {
				seed := *seedFlag + uint64(i)
				world := gen.World(seed, cfg)
				p := compile.Compile(store.ViewOf(world...), compile.Host{Node: cfg.Node}, ir.Options{})
				tabs, deniers := tables(t, p, tc.limits)
				for _, pr := range gen.Probes(seed, cfg, world, 60) {
					ep := p.Endpoint(pr.Endpoint)
					if ep == nil || !judged(&pr.Packet) {
						continue
					}
					g := ep.Group(pr.Direction, pr.Layer)
					if g == nil {
						continue
					}
					a := ask(tabs[g.ID], &pr.Packet)
					v, err := eval.Evaluate(p, pr)
					if err != nil {
						t.Fatal(err)
					}
					rulings[a.Ruling]++
					ok := true
					switch a.Ruling {
					case Allow:
						ok = v.Decision == model.DecisionAllow
					case Continue:
						ok = v.Decision == model.DecisionContinue
					case Deny:
						d := deniers.List()[a.Denier]
						ok = v.Decision == model.DecisionDeny && len(v.Logged) == 0 && d.Rule == v.Rule
					}
					if !ok {
						t.Fatalf("seed %d, %+v: table says %+v, evaluator %+v", seed, pr, a, v)
					}
				}
			}
			total := 0
			for _, n := range rulings {
				total += n
			}
			t.Logf("pass %d, allow %d, deny %d, continue %d", rulings[Pass], rulings[Allow], rulings[Deny], rulings[Continue])
			if sure := float64(total-rulings[Pass]) / float64(total); sure < tc.least || rulings[Deny] == 0 {
				t.Errorf("%.2f of the answers are sure, want %.2f", sure, tc.least)
			}
		})
	}
}
