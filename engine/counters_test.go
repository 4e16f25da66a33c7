package engine

import (
	"context"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rampart/engine/api"
	"rampart/engine/ir"
	"rampart/model"
)

func TestTallySurvivesResets(t *testing.T) {
	var sum tally
	read := func(packets uint64) uint64 {
		return sum.add(map[model.RuleID]ir.Counter{1: {Packets: packets, Bytes: 100 * packets}})[1].Packets
	}
	for _, tt := range []struct{ now, want uint64 }{{3, 3}, {7, 7}, {7, 7}, {2, 9}, {0, 9}, {5, 14}} {
		if got := read(tt.now); got != tt.want {
			t.Errorf("counter %d: sum %d, want %d", tt.now, got, tt.want)
		}
	}
	sum.add(nil)
	if got := read(4); got != 4 {
		t.Errorf("a rule that was gone starts with %d, want 4", got)
	}
}

// namingBackend counts more than rules, and reports packets.
type namingBackend struct {
	*fakeBackend
	flows chan ir.Flow
}

func (b namingBackend) CounterName(id model.RuleID) string {
	if id == 99 {
		return "tier-default:default"
	}
	return ""
}

func (b namingBackend) WatchFlows(ctx context.Context, flow func(ir.Flow)) error {
	for {
		select {
		case f := <-b.flows:
			flow(f)
		case <-ctx.Done():
			return nil
		}
	}
}

func TestCountersHaveNames(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good()
		r.start(func(c *Config) { c.Backends = []Backend{namingBackend{fakeBackend: r.nft}} })
		r.settle()
		id := r.nft.inForce.Policies[0].Ingress[0].ID
		r.nft.set(func(b *fakeBackend) {
			b.counters = map[model.RuleID]ir.Counter{id: {Packets: 2, Bytes: 120}, 99: {Packets: 5, Bytes: 300}, 77: {Packets: 1}}
		})
		got, err := r.Counters(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := []api.Counter{
			{ID: id.String(), Rule: "default/GlobalNetworkPolicy:a-1[0]", Direction: model.Ingress, Action: model.Allow, Origin: "a.yaml:9", Packets: 2, Bytes: 120},
			{ID: r.nft.inForce.Policies[1].Ingress[0].ID.String(), Rule: "default/GlobalNetworkPolicy:b-1[0]", Direction: model.Ingress, Action: model.Allow, Origin: "b.yaml:9"},
			{ID: "0000000000000063", Rule: "tier-default:default", Packets: 5, Bytes: 300},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("counters (-want +got):\n%s", diff)
		}
	})
}

func TestLoggedPacketsNameTheirRule(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good()
		flows := make(chan ir.Flow)
		r.start(func(c *Config) { c.Backends = []Backend{namingBackend{r.nft, flows}} })
		r.settle()
		flows <- ir.Flow{Rule: r.nft.inForce.Policies[0].Ingress[0].ID, Prefix: "rampart", In: "eth0", Length: 60, Packet: model.Packet{
			Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Protocol: 6, SrcPort: 4, DstPort: 22,
		}}
		synctest.Wait()
		want := `msg=packet backend=nft rule=default/GlobalNetworkPolicy:a-1[0] prefix=rampart in=eth0 out="" packet="tcp 10.0.0.1:4 > 10.0.0.2:22" length=60`
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("log lacks %s:\n%s", want, r.log.String())
		}
	})
}

func scrape(r *rig) string {
	w := httptest.NewRecorder()
	r.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestMetrics(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start(func(c *Config) { c.RuleSeries = 1 })
		r.settle()
		id := r.nft.inForce.Policies[0].Ingress[0].ID
		r.nft.set(func(b *fakeBackend) { b.counters = map[model.RuleID]ir.Counter{id: {Packets: 2, Bytes: 120}} })
		r.nft.drift("flushed")
		r.settle()
		r.a.set(nil, broken("a.yaml", 1))
		r.nft.set(func(b *fakeBackend) { b.refuse = errRefused })
		r.b.set(world("b", "2"))
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		m := scrape(r)
		for _, want := range []string{
			"rampart_program_in_force 1\n", "rampart_program_pending 1\n", "rampart_program_generation 1\n",
			`rampart_program_info{hash="` + r.nft.inForce.Hash + `",node="n1"} 1` + "\n",
			"rampart_endpoints 2\n", "rampart_rules 2\n", `rampart_policies{state="active"} 2` + "\n", `rampart_policies{state="inactive"} 0` + "\n",
			`rampart_apply_failures_total{backend="nft"} 1` + "\n", `rampart_apply_seconds_count{backend="nft"} 2` + "\n",
			`rampart_drifts_total{backend="nft"} 1` + "\n", `rampart_drift_repairs_total{backend="nft"} 1` + "\n",
			`rampart_backend_up{backend="nft"} 0` + "\n",
			`rampart_source_errors_total{source="a"} 1` + "\n", `rampart_source_errors_total{source="b"} 0` + "\n",
			`rampart_source_up{source="a"} 0` + "\n", `rampart_source_up{source="b"} 1` + "\n",
			`rampart_source_last_good_timestamp_seconds{source="a"} 9.466848e+08` + "\n",
			`rampart_rule_packets_total{action="Allow",direction="Ingress",id="` + id.String() + `",rule="default/GlobalNetworkPolicy:a-1[0]"} 2` + "\n",
			"rampart_rule_series_omitted 1\n",
		} {
			if !strings.Contains(m, want) {
				t.Errorf("metrics lack %s", want)
			}
		}
		if n := strings.Count(m, "rampart_rule_packets_total{"); n != 1 {
			t.Errorf("%d rules have series, one is allowed", n)
		}
		if t.Failed() {
			t.Log(m)
		}
	})
}

// A source is named after its files, whose names may be anything.
func TestMetricsOfOddNames(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.a.name = "files:\xff\n"
		r.good().start()
		r.settle()
		if m := scrape(r); !strings.Contains(m, `rampart_source_up{source="files:�\n"} 1`) {
			t.Errorf("the source is not among the metrics:\n%s", m)
		}
	})
}

// TestEveryMetricIsDocumented compares what is served with docs/metrics.md, both ways.
func TestEveryMetricIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start()
		r.settle()
		served := scrape(r)
		for line := range strings.Lines(served) {
			f := strings.Fields(line)
			if len(f) > 2 && f[0] == "#" && f[1] == "TYPE" && strings.HasPrefix(f[2], "rampart_") && !strings.Contains(string(page), "`"+f[2]+"`") {
				t.Errorf("docs/metrics.md lacks %s", f[2])
			}
		}
		for _, name := range regexp.MustCompile("`(rampart_[a-z_]+)`").FindAllStringSubmatch(string(page), -1) {
			// The fast path's are served by the daemon, which has one.
			if !strings.Contains(served, "# TYPE "+name[1]+" ") && !strings.HasPrefix(name[1], "rampart_fast_path_") {
				t.Errorf("docs/metrics.md names %s, which is not served", name[1])
			}
		}
	})
}
