package measure

import (
	"bytes"
	"context"
	"testing"
	"time"

	"rampart/bench/classbench"
	"rampart/bench/filter"
	"rampart/bench/report"
)

// Classifiers agree with the scan, and the figures are there; no root is needed.
func TestClassify(t *testing.T) {
	p := Default()
	p.Sets, p.Families, p.Rules, p.Repeat, p.Duration, p.Flows = []string{"acl"}, []int{4, 6}, []int{50}, 1, time.Millisecond, 100
	d, err := turn(t, func() (*report.Document, error) { return Classify(context.Background(), p) })
	if err != nil || len(d.Failures) > 0 {
		t.Fatal(err, d.Failures)
	}
	found := 0
	for _, r := range d.Results {
		if r.Measure == report.Lookups && r.System == rampartName && r.Median > 0 && r.Ratio > 0 {
			found++
		}
	}
	if found != 2 {
		t.Errorf("%+v", d.Results)
	}
}

// What is written for other programs says what the rules say.
func TestFiltersAreClassBench(t *testing.T) {
	set := filter.ACL(4, 200, 1)
	var b bytes.Buffer
	if err := writeFilters(&b, set); err != nil {
		t.Fatal(err)
	}
	// The reader wants the column of TCP flags that dpdk-test-acl does not mind either way.
	text := bytes.ReplaceAll(b.Bytes(), []byte("\n"), []byte("\t0x0000/0x0000\n"))
	list, err := classbench.Read(bytes.NewReader(text))
	if err != nil || len(list) != len(set.Rules) {
		t.Fatal(len(list), err)
	}
	for i, f := range list {
		if f != set.Rules[i].Filter {
			t.Errorf("rule %d: %+v, not %+v", i, f, set.Rules[i].Filter)
		}
	}
}
