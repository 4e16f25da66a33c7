package report

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrDifferent says that two runs cannot be compared as they are.
var ErrDifferent = errors.New("the runs are not comparable")

// Comparison is what changed between two runs.
type Comparison struct {
	Old, New *Document
	Changes  []Difference
	// Absolute tells that figures are compared as they are, not as ratios to each run's own baseline.
	Absolute bool
	// Missing counts results that only one of the runs has.
	Missing int
}

// Difference is one result in both runs.
type Difference struct {
	Old, New Result
	// Before and After are the compared figures, Change the relative change from one to the other: 0.1 is a tenth more.
	Before, After, Change float64
	// Clear tells that the ranges of the repetitions do not overlap.
	Clear bool
}

// Compare sets two runs against each other. Each is measured by its own baseline, unless absolute is asked for. Runs on
// different machines or kernels, or that were measured in another way, are refused unless anyway is set.
func Compare(old, new *Document, absolute, anyway bool) (*Comparison, error) {
	var errs []error
	if len(old.Failures)+len(new.Failures) > 0 {
		errs = append(errs, errors.New("packets were judged wrongly, so there is nothing to compare"))
	}
	if !anyway {
		errs = append(errs, sameConditions(old, new)...)
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrDifferent, errors.Join(errs...))
	}
	c := &Comparison{Old: old, New: new, Absolute: absolute}
	type key struct {
		system, measure string
		c               Case
	}
	before := map[key]Result{}
	for _, r := range old.Results {
		before[key{r.System, r.Measure, r.Case}] = r
	}
	for _, r := range new.Results {
		k := key{r.System, r.Measure, r.Case}
		o, ok := before[k]
		if !ok {
			c.Missing++
			continue
		}
		delete(before, k)
		if d, ok := difference(o, r, absolute); ok {
			c.Changes = append(c.Changes, d)
		}
	}
	c.Missing += len(before)
	if len(c.Changes) == 0 {
		return nil, fmt.Errorf("%w: they have no result in common", ErrDifferent)
	}
	return c, nil
}

func sameConditions(a, b *Document) (errs []error) {
	for _, x := range []struct{ what, a, b string }{
		{"CPU", a.Environment.CPU, b.Environment.CPU},
		{"number of CPUs", fmt.Sprint(a.Environment.CPUs), fmt.Sprint(b.Environment.CPUs)},
		{"kernel", a.Environment.Kernel, b.Environment.Kernel},
		{"mitigations", fmt.Sprint(a.Environment.Mitigations), fmt.Sprint(b.Environment.Mitigations)},
		{"seed", fmt.Sprint(a.Method.Seed), fmt.Sprint(b.Method.Seed)},
		{"number of flows", fmt.Sprint(a.Method.Flows), fmt.Sprint(b.Method.Flows)},
		{"baseline", a.Baseline, b.Baseline},
	} {
		if x.a != x.b {
			errs = append(errs, fmt.Errorf("another %s: %s, %s", x.what, x.a, x.b))
		}
	}
	return errs
}

func difference(o, n Result, absolute bool) (d Difference, ok bool) {
	d = Difference{Old: o, New: n, Before: o.Median, After: n.Median}
	x, y := o.Values, n.Values
	if !absolute && MeasureNamed(n.Measure).Relative {
		d.Before, d.After, x, y = o.Ratio, n.Ratio, o.Ratios, n.Ratios
	}
	if d.Before == 0 || len(x) == 0 || len(y) == 0 {
		return d, false
	}
	d.Change = d.After/d.Before - 1
	d.Clear = len(x) > 1 && len(y) > 1 && (slices.Min(x) > slices.Max(y) || slices.Min(y) > slices.Max(x))
	return d, true
}

// Write prints the comparison. Changes within the spread of the repetitions are marked as such.
func (c *Comparison) Write(w io.Writer) error {
	p := &printer{w: w}
	p.line("old: %s, %s", c.Old.Started.Format("2006-01-02 15:04"), c.Old.Tool)
	p.line("new: %s, %s", c.New.Started.Format("2006-01-02 15:04"), c.New.Tool)
	if c.Absolute {
		p.line("figures as they were measured; a machine differs from itself by a tenth from run to run")
	} else {
		p.line("figures as ratios to each run's own %q where there is one", c.New.Title(c.New.Baseline))
	}
	last := ""
	for _, d := range c.Changes {
		if !c.Absolute && d.New.System == c.New.Baseline && MeasureNamed(d.New.Measure).Relative {
			continue // one, by definition
		}
		m := MeasureNamed(d.New.Measure)
		if head := fmt.Sprintf("%s, %s", m.Title, d.New.Case.Title()); head != last {
			p.line("\n%s", head)
			last = head
		}
		p.line("  %-28s %8d rules  %10s -> %-10s %s", c.New.Title(d.New.System), d.New.Rules, figure(d.Before), figure(d.After), d.judge(m))
	}
	if c.Missing > 0 {
		p.line("\n%d results are in one of the runs only.", c.Missing)
	}
	return p.err
}

func figure(v float64) string {
	if v < 10 {
		return ratio(v)
	}
	return Number(v)
}

func (d Difference) judge(m Measure) string {
	if !d.Clear {
		return fmt.Sprintf("%+6.1f %%  within the spread", 100*d.Change)
	}
	word := "worse"
	if (d.Change > 0) == m.MoreIsBetter {
		word = "better"
	}
	return strings.TrimSpace(fmt.Sprintf("%+6.1f %%  %s", 100*d.Change, word))
}
