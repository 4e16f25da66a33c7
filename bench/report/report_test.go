package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rampart/bench/report"
)

// document is a run of two systems and the baseline with 10 and 1000 rules.
func document() *report.Document {
	d := &report.Document{
		Tool: "rampart-bench test", Command: []string{"rampart-bench", "quick"}, Started: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC),
		Environment: report.Environment{Kernel: "6.18 x86_64", CPU: "Some <CPU>", CPUs: 2, Mitigations: map[string]string{"srso": "Mitigation: Safe RET"}},
		Method:      report.Method{Repeat: 3, Seed: 1, Flows: 10}, Baseline: "nothing",
		Systems: []report.System{{Name: "nothing", Title: "no firewall"}, {Name: "iptables", Title: "iptables, a rule each"}, {Name: "rampart", Title: "rampart"}},
		Skipped: []report.Skipped{{System: "rampart", What: "fast path", Reason: "not there"}},
	}
	add := func(system, measure string, rules int, note string, values ...float64) {
		c := report.Case{Set: "acl", Family: 4, Rules: rules, Match: "zipf", Traffic: "mixed", Size: 60}
		d.Results = append(d.Results, report.Result{System: system, Measure: measure, Case: c, Values: values, Note: note})
	}
	add("rampart", report.Rate, 1000, "", 400e3, 380e3, 420e3)
	add("rampart", report.Rate, 10, "", 500e3, 500e3, 450e3)
	add("nothing", report.Rate, 1000, "", 1e6, 950e3, 1.2e6)
	add("nothing", report.Rate, 10, "", 1e6, 1e6, 900e3)
	add("iptables", report.Rate, 10, "3 of 100 packets lost", 600e3, 610e3, 620e3)
	add("rampart", report.Load, 10, "", 0.25)
	d.Seal()
	return d
}

func TestSealComputesRatiosWithinRepetitions(t *testing.T) {
	d := document()
	r := d.Results[len(d.Results)-2] // rampart, 1000 rules
	if r.System != "rampart" || r.Rules != 1000 || r.Median != 400e3 || r.Min != 380e3 || r.Max != 420e3 {
		t.Fatalf("%+v", r)
	}
	if want := []float64{0.4, 0.4, 0.35}; !cmp.Equal(r.Ratios, want, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })) || r.Ratio != 0.4 {
		t.Errorf("ratios %v, %v", r.Ratios, r.Ratio)
	}
	load := d.Results[len(d.Results)-1]
	if load.Measure != report.Load || load.Ratio != 0 {
		t.Errorf("%+v has a ratio without a baseline, or is not the last", load)
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	if err := document().WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	const want = `2 × Some <CPU>, Linux 6.18 x86_64
3 repetitions in turn, medians; in brackets the ratio to "no firewall" in the same repetition

Packet rate, acl, IPv4, mixed traffic, match zipf, 60-byte frames (packets/s)
  rules                             10           1000
  no firewall            1.00 M (1.00×)  1.00 M (1.00×)
  iptables, a rule each  610 k (0.61×) *             –
  rampart                500 k (0.50×)   400 k (0.40×)
  * iptables, a rule each, 10 rules: 3 of 100 packets lost

Time to load, acl, IPv4, mixed traffic, match zipf, 60-byte frames (s)
  rules      10
  rampart  0.25

Not measured:
  rampart, fast path: not there
`
	squeeze := func(s string) string {
		var lines []string
		for line := range strings.Lines(s) {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		return strings.Join(lines, "\n")
	}
	if diff := cmp.Diff(squeeze(want), squeeze(b.String())); diff != "" {
		t.Error(diff)
	}
	d := document()
	d.Failures = []string{"iptables let a packet through"}
	b.Reset()
	if err := d.WriteTable(&b); err != nil || !strings.Contains(b.String(), "FAILED: wrong verdicts") {
		t.Errorf("a failure does not show: %v\n%s", err, &b)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	d := document()
	var b bytes.Buffer
	if err := d.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	again, err := report.ReadJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, again); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "{}", `{"format": 99, "baseline": "nothing"}`, "[]"} {
		if _, err := report.ReadJSON(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is a report", bad)
		}
	}
}

func TestCSV(t *testing.T) {
	var b bytes.Buffer
	if err := document().WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 1+5*3+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if got := strings.Join(rows[1], " "); got != "nothing rate packets/s acl 4 10 zipf mixed 60 1 1000000 1" {
		t.Errorf("first row %q", got)
	}
}

func TestPlots(t *testing.T) {
	plots := 0
	for _, g := range document().Grids() {
		if !g.Plottable() {
			continue // one number of rules makes no line
		}
		plots++
		var b bytes.Buffer
		if err := g.WriteSVG(&b); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{">rules<", "Packet rate (packets/s)", ">no firewall<", ">1M<", ">100<"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("the drawing does not say %q", want)
			}
		}
		for d := xml.NewDecoder(&b); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		b.Reset()
		if err := g.WritePNG(&b); err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(&b); err != nil {
			t.Error(err)
		}
	}
	if plots != 1 {
		t.Errorf("%d plots", plots)
	}
}

// What has no value above zero, such as connections lost where none was, makes no plot. Medians count.
func TestPlotsOfZeros(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   bool
	}{{[]float64{0, 0, 0}, false}, {[]float64{-3, -1, 0}, false}, {[]float64{0, 2, 3}, true}, {[]float64{0, 0, 3}, false}} {
		d := document()
		d.Results = nil
		for _, rules := range []int{10, 1000} {
			d.Results = append(d.Results, report.Result{System: "rampart", Measure: report.Lost, Case: report.Case{Set: "acl", Family: 4, Rules: rules}, Values: tc.values})
		}
		d.Seal()
		for _, g := range d.Grids() {
			if g.Plottable() != tc.want {
				t.Errorf("%v: plottable %v, want %v", tc.values, g.Plottable(), tc.want)
			}
			if err := g.WriteSVG(io.Discard); (err == nil) != tc.want {
				t.Errorf("%v: %v", tc.values, err)
			}
		}
		if err := d.WriteHTML(io.Discard); err != nil {
			t.Errorf("%v: %v", tc.values, err)
		}
	}
}

func TestHTML(t *testing.T) {
	d := document()
	d.Failures = []string{"iptables let <a packet> through"}
	var b bytes.Buffer
	if err := d.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"<svg", "Some &lt;CPU&gt;", "500 k (0.50×)", "3 of 100 packets lost", "let &lt;a packet&gt; through", "Safe RET", "rampart-bench quick"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, bad := range []string{"http://", "https://", "<?xml", "src="} {
		if i := strings.Index(strings.ReplaceAll(page, "http://www.w3.org/", ""), bad); i >= 0 {
			t.Errorf("the page needs something else: %q", page[max(0, i-40):i+40])
		}
	}
}

func TestCompare(t *testing.T) {
	old, faster := document(), document()
	for i := range faster.Results {
		r := &faster.Results[i]
		for k := range r.Values {
			r.Values[k] *= 0.8 // a slower machine
			if r.System == "rampart" && r.Rules == 1000 {
				r.Values[k] *= 1.5
			}
		}
	}
	faster.Seal()
	c, err := report.Compare(old, faster, false, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range c.Changes {
		want, clear := 0.0, false
		switch {
		case d.New.Measure == report.Load:
			want = -0.2 // there is no ratio to hide behind
		case d.New.System == "rampart" && d.New.Rules == 1000:
			want, clear = 0.5, true
		}
		if math.Abs(d.Change-want) > 1e-9 || d.Clear != clear {
			t.Errorf("%s, %s, %d rules: change %v, clear %v", d.New.System, d.New.Measure, d.New.Rules, d.Change, d.Clear)
		}
	}
	var b bytes.Buffer
	if err := c.Write(&b); err != nil || !strings.Contains(b.String(), "better") || strings.Contains(b.String(), "worse") {
		t.Errorf("%v\n%s", err, &b)
	}
}

func TestCompareRefuses(t *testing.T) {
	for name, change := range map[string]func(d *report.Document){
		"another kernel":  func(d *report.Document) { d.Environment.Kernel = "5.10" },
		"another machine": func(d *report.Document) { d.Environment.CPUs = 8 },
		"another seed":    func(d *report.Document) { d.Method.Seed = 2 },
		"mitigations":     func(d *report.Document) { d.Environment.Mitigations = nil },
	} {
		d := document()
		change(d)
		if _, err := report.Compare(document(), d, false, false); !errors.Is(err, report.ErrDifferent) {
			t.Errorf("%s: error is %v", name, err)
		}
		if _, err := report.Compare(document(), d, false, true); err != nil {
			t.Errorf("%s, but anyway: %v", name, err)
		}
	}
	failed, empty := document(), document()
	failed.Failures = []string{"wrong"}
	empty.Results = nil
	for _, d := range []*report.Document{failed, empty} {
		if _, err := report.Compare(document(), d, false, true); !errors.Is(err, report.ErrDifferent) {
			t.Errorf("error is %v", err)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.00012: "1.2e-04", 0.25: "0.25", 1.5: "1.50", 27.46: "27.5", 412: "412", 9999: "10.0 k", 7437: "7437", 41234: "41.2 k", 412345: "412 k",
		3_914_000: "3.91 M", 2.5e9: "2.50 G",
	} {
		if got := report.Number(v); got != want {
			t.Errorf("%v is written %q, not %q", v, got, want)
		}
	}
}

func TestQuantile(t *testing.T) {
	v := []float64{4, 1, 3, 2}
	for q, want := range map[float64]float64{0: 1, 0.5: 2.5, 1: 4} {
		if got := report.Quantile(v, q); got != want {
			t.Errorf("quantile %v is %v, not %v", q, got, want)
		}
	}
	if report.Median(nil) != 0 || v[0] != 4 {
		t.Error("no values, or values moved")
	}
}

func ExampleDocument_Seal() {
	d := &report.Document{Baseline: "nothing", Results: []report.Result{
		{System: "nothing", Measure: report.Rate, Values: []float64{1000, 800}},
		{System: "firewall", Measure: report.Rate, Values: []float64{500, 400}},
	}}
	d.Seal()
	fmt.Println(d.Results[1].System, d.Results[1].Median, d.Results[1].Ratio)
	// Output: firewall 450 0.5
}
