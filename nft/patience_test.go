package nft

import (
	"testing"
	"time"

	"rampart/bench/lab"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

// Maps whose counters take too long to read are not counted, and keep nobody from reading the others, unless all together take too
// long.
func TestSlowMaps(t *testing.T) {
	l := lab.ForTest(t)
	ns, err := l.Namespace("a")
	must(t, err)
	b := connected(t, ns)
	rs := &ruleset.Ruleset{Table: "rampart"}
	for _, name := range []string{"one", "two", "three"} {
		s := &ruleset.Set{Name: name, Fields: []ruleset.Field{ruleset.DstPort}, Verdicts: true, Counters: true}
		for port := range uint16(2000) {
			s.Elements = append(s.Elements, ruleset.Element{Key: string([]byte{byte(port >> 8), byte(port), 0, 0}), Verdict: ruleset.Verdict{Kind: ruleset.Accept}, ID: model.RuleID(port + 1)})
		}
		rs.Sets = append(rs.Sets, s)
	}
	batch := newBatch(b.conn, b.fresh(), nil)
	batch.prepareWhole(rs)
	must(t, batch.flush(0))
	for _, tt := range []struct {
		patience
		want int
	}{{patience{1, time.Minute}, 0}, {patience{time.Minute, 1}, 0}, {patience{time.Minute, time.Minute}, 2000}} {
		sums := map[model.RuleID]ir.Counter{}
		must(t, elementCounters(ns.FD(), "rampart", rs.Sets, tt.patience, sums))
		if len(sums) != tt.want {
			t.Errorf("within %v, %d counters are read, want %d", tt.patience, len(sums), tt.want)
		}
	}
}
