package measure

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"rampart/bench/filter"
	"rampart/bench/lab"
	"rampart/bench/pktgen"
	"rampart/bench/report"
	"rampart/bench/rig"
	"rampart/bench/sut"
	"rampart/model"
)

// tiny is a plan that takes a moment.
func tiny(t *testing.T, systems ...string) Plan {
	t.Helper()
	p := Default()
	p.Sets, p.Rules, p.Repeat, p.Duration, p.Flows, p.Checked = []string{"acl"}, []int{1, 30}, 2, 2*time.Millisecond, 64, 32
	p.Realtime = false // other tests want the core too
	var err error
	if p.Systems, err = sut.Select(systems); err != nil {
		t.Fatal(err)
	}
	return p
}

// turn waits for its turn: the tests of other packages run benchmarks too.
func turn[T any](t *testing.T, fn func() (T, error)) (T, error) {
	t.Helper()
	for range 600 {
		v, err := fn()
		if !errors.Is(err, ErrBusy) {
			return v, err
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal(ErrBusy)
	panic("unreachable")
}

// A whole run, end to end: rates, latency, connections and a change, of a few systems.
func TestRun(t *testing.T) {
	if err := lab.Require(); err != nil {
		t.Skip(err)
	}
	p := tiny(t, "nft-linear", "rampart", "rampart-xdp", "xdp-drop")
	p.Measures = []string{report.Rate, report.LatencyP50, report.Connections, report.Update}
	p.Rules = []int{30}
	p.Repeat = 1
	var steps, total int
	p.Progress = func(done, of int, what string) {
		if done < steps || done > of || what == "" {
			t.Errorf("step %d of %d after %d: %q", done, of, steps, what)
		}
		steps, total = done, of
	}
	d, err := turn(t, func() (*report.Document, error) { return Run(context.Background(), p) })
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Failures) > 0 {
		t.Error(d.Failures)
	}
	if steps == 0 || total == 0 {
		t.Error("no progress was told")
	}
	have := map[string]float64{}
	for _, r := range d.Results {
		have[r.System+" "+r.Measure] = r.Median
	}
	for _, want := range []string{
		"nothing rate", "nft-linear rate", "rampart rate", "xdp-drop rate", "rampart cost", "rampart latency-p50", "rampart latency-p99.9",
		"rampart connections", "rampart connect-p99", "rampart load", "rampart update", "nft-linear update",
	} {
		if have[want] <= 0 {
			t.Errorf("%s is %v", want, have[want])
		}
	}
	for _, missing := range []string{"xdp-drop connections", "xdp-drop latency-p50", "nothing update", "nothing load"} {
		if v, ok := have[missing]; ok {
			t.Errorf("%s is %v, which makes no sense", missing, v)
		}
	}
	if n := have["rampart misjudged"] + have["nft-linear misjudged"]; n != 0 {
		t.Errorf("%v packets misjudged during changes", n)
	}
}

// Connections are measured alone and beside a flood, first packets on an idle firewall, and ratios are to the system asked for.
func TestBesideAFlood(t *testing.T) {
	if err := lab.Require(); err != nil {
		t.Skip(err)
	}
	p := tiny(t, "rampart-prednat", "rampart-xdp", "xdp-drop")
	p.Measures = []string{report.Connections, report.Goodput, report.FirstP99}
	p.Rules, p.Repeat, p.FloodRate, p.Queues, p.Baseline = []int{30}, 1, 20_000, 1, "rampart-prednat"
	d, err := turn(t, func() (*report.Document, error) { return Run(context.Background(), p) })
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Failures) > 0 {
		t.Error(d.Failures)
	}
	if d.Method.FloodRate != p.FloodRate || d.Method.Queues != 1 {
		t.Errorf("the report says %+v", d.Method)
	}
	have := map[string]report.Result{}
	for _, r := range d.Results {
		have[strings.TrimSpace(r.System+" "+r.Measure+" "+r.Traffic)] = r
	}
	for _, want := range []string{
		"nothing goodput", "rampart-xdp goodput", "rampart-xdp goodput flood", "rampart-prednat flood-sent flood", "rampart-xdp connections flood",
		"rampart-prednat connections", "rampart-xdp first-packet-p99 udp", "rampart-xdp connect-p50 sparse",
	} {
		if have[want].Median <= 0 {
			t.Errorf("%s is %v", want, have[want].Median)
		}
	}
	for _, want := range []string{"rampart-xdp lost-connections flood", "rampart-prednat lost-connections flood"} {
		if r, ok := have[want]; !ok || r.Median != 0 {
			t.Errorf("%s is %v", want, r.Values)
		}
	}
	if r := have["rampart-prednat goodput flood"]; r.Ratio != 1 {
		t.Errorf("the baseline's ratio is %v", r.Ratio)
	}
	if _, ok := have["rampart-xdp first-packet-added udp"]; !ok {
		t.Error("what the fast path adds to first packets is not told")
	}
	for _, missing := range []string{"xdp-drop goodput", "xdp-drop connections", "rampart-prednat first-packet-added udp"} {
		if r, ok := have[missing]; ok {
			t.Errorf("%s is %v, which makes no sense", missing, r.Values)
		}
	}
}

// A system that lets everything pass is found out, and not measured.
func TestFastWrongAnswerIsAFailure(t *testing.T) {
	if err := lab.Require(); err != nil {
		t.Skip(err)
	}
	p := tiny(t)
	p.Rules = []int{30}
	p.Systems = append(p.Systems, &sut.System{
		Name: "liar", Title: "lets everything pass", Missing: func(*sut.Options, int) error { return nil },
		Load: func(context.Context, *sut.Options, *rig.Rig, *filter.Set) (sut.Instance, error) { return liar{}, nil },
	})
	d, err := turn(t, func() (*report.Document, error) { return Run(context.Background(), p) })
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Failures) != 1 || !strings.Contains(d.Failures[0], "liar") || !strings.Contains(d.Failures[0], "the rules say Deny") {
		t.Errorf("failures %v", d.Failures)
	}
	for _, r := range d.Results {
		if r.System == "liar" && r.Measure == report.Rate {
			t.Error("the liar was measured")
		}
	}
}

type liar struct{}

func (liar) Change(context.Context, *filter.Change) error { return nil }
func (liar) Close() error                                 { return nil }

// What cannot be measured is skipped with its reason, and a cancelled run leaves nothing behind.
func TestSkipAndCancel(t *testing.T) {
	if err := lab.Require(); err != nil {
		t.Skip(err)
	}
	p := tiny(t, "nft-linear")
	p.Rules, p.LinearLimit = []int{30}, 10
	d, err := turn(t, func() (*report.Document, error) { return Run(context.Background(), p) })
	if err != nil || len(d.Skipped) != 1 || d.Skipped[0].System != "nft-linear" {
		t.Errorf("%v, %v", d, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.Progress = func(done, _ int, _ string) {
		if done == 2 {
			cancel()
		}
	}
	if _, err := turn(t, func() (*report.Document, error) { return Run(ctx, p) }); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func claim() (release func(), err error) {
	_, release, err = Claim()
	return release, err
}

func TestOneRunAtATime(t *testing.T) {
	release, err := turn(t, claim)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := claim(); !errors.Is(err, ErrBusy) {
		t.Errorf("a second run: %v", err)
	}
	release()
	if release, err = turn(t, claim); err != nil {
		t.Fatal(err)
	}
	release()
}

func TestPlanCheck(t *testing.T) {
	good := Default()
	good.Sets, good.Rules = []string{"acl"}, []int{10}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(p *Plan){
		"family": func(p *Plan) { p.Families = []int{5} }, "rules": func(p *Plan) { p.Rules = []int{0} },
		"match": func(p *Plan) { p.Matches = []Match{"lst"} }, "traffic": func(p *Plan) { p.Traffic = []filter.Traffic{"icmp"} },
		"size": func(p *Plan) { p.Sizes = []int{9000} }, "set": func(p *Plan) { p.Sets = []string{"alc"} },
		"CPU": func(p *Plan) { p.CPU = 4096 }, "repeat": func(p *Plan) { p.Repeat = 0 },
		"duration": func(p *Plan) { p.Duration = 0 }, "flood": func(p *Plan) { p.FloodRate = -1 },
		"queues": func(p *Plan) { p.Queues = 1 << 20 }, "baseline": func(p *Plan) { p.Baseline = "rampart-xdp" }, "nothing": func(p *Plan) { p.Sets = nil },
	} {
		p := good
		change(&p)
		if err := p.Check(); err == nil {
			t.Errorf("a plan with a bad %s is accepted", name)
		}
	}
}

func TestFramesFor(t *testing.T) {
	for _, tc := range []struct {
		perFrame float64
		want     int
	}{{1000, 60_000}, {1e6, 64}, {0, 1 << 22}} {
		if got := framesFor(60*time.Millisecond, tc.perFrame); got != tc.want {
			t.Errorf("%v ns a frame: %d frames, not %d", tc.perFrame, got, tc.want)
		}
	}
}

func TestTimetable(t *testing.T) {
	var sum float64
	for _, g := range timetable(1e6, 1) {
		sum += float64(g)
	}
	if mean := sum / gapCount; math.Abs(mean-1000) > 60 {
		t.Errorf("mean gap %v ns", mean)
	}
}

func TestVisits(t *testing.T) {
	for _, circle := range []uint64{1, 3, 4} {
		for n := range uint64(20) {
			for place := range circle {
				want := uint64(0)
				for x := range n {
					if x%circle == place {
						want++
					}
				}
				if got := visits(n, place, circle); got != want {
					t.Errorf("of %d frames in a circle of %d, %d are at %d, not %d", n, circle, got, place, want)
				}
			}
		}
	}
}

// What a watch makes of arrivals, for changes that open and that shut.
func TestJudgeUpdate(t *testing.T) {
	circle := []filter.Flow{{Want: model.Allow}, {}, {Want: model.Deny}, {}}
	const sent, gap = 40, 1000
	for _, tc := range []struct {
		name      string
		opens     bool
		arrivals  []pktgen.Arrival
		at, wrong uint64
	}{
		{"opens with frame 13", true, []pktgen.Arrival{
			{Count: 10}, {Count: 7, First: 5300, FirstTag: 13}, {}, {Count: 7, First: 5500, FirstTag: 15},
		}, 300, 0},
		{"opens, but lets a denied packet pass and loses an allowed one", true, []pktgen.Arrival{
			{Count: 9}, {Count: 7, First: 5300, FirstTag: 13}, {Count: 1}, {Count: 7, First: 5500, FirstTag: 15},
		}, 300, 2},
		{"opens, and shuts again for a packet", true, []pktgen.Arrival{
			{Count: 10}, {Count: 6, First: 5300, FirstTag: 13}, {}, {Count: 7, First: 5500, FirstTag: 15},
		}, 300, 1},
		{"shuts after frame 15", false, []pktgen.Arrival{
			{Count: 10}, {Count: 4, Last: 6000, LastTag: 13}, {}, {Count: 4, Last: 6100, LastTag: 15},
		}, 6100 + 2*gap - 5000, 0},
		{"shuts after frame 15, but denied one before", false, []pktgen.Arrival{
			{Count: 10}, {Count: 3, Last: 6000, LastTag: 13}, {}, {Count: 4, Last: 6100, LastTag: 15},
		}, 6100 + 2*gap - 5000, 1},
	} {
		w := &watch{circle: circle, opens: tc.opens}
		at, wrong := w.judge(tc.arrivals, sent, 5000, gap)
		if at != tc.at || wrong != tc.wrong {
			t.Errorf("%s: in force after %d with %d misjudged, not %d with %d", tc.name, at, wrong, tc.at, tc.wrong)
		}
	}
}

func TestHoldArguments(t *testing.T) {
	h := &Hold{System: "ipset", Set: "acl", Family: 6, Rules: 5, Seed: 7, Rampart: "", Dir: "/x"}
	got, err := ParseHold(h.Args()[1:])
	if err != nil || *got != *h {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range [][]string{nil, {"a", "b", "4", "x", "1", "", ""}} {
		if _, err := ParseHold(bad); err == nil {
			t.Errorf("%q are arguments", bad)
		}
	}
}
