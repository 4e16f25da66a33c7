package measure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"rampart/bench/filter"
	"rampart/bench/lab"
	"rampart/bench/report"
	"rampart/bench/rig"
	"rampart/bench/sut"
)

// Run measures what the plan says. On an error, what was found so far comes with it.
func Run(ctx context.Context, p Plan) (*report.Document, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if err := Preflight(); err != nil {
		return nil, err
	}
	dir, release, err := Claim()
	if err != nil {
		return nil, err
	}
	defer release()
	p.Options.Dir = dir
	if p.Generate == nil {
		p.Generate = filter.Generate
	}
	r := &runner{Plan: p, doc: &report.Document{
		Started: time.Now().UTC().Truncate(time.Second), Environment: report.Survey(), Method: p.method(), Baseline: cmp.Or(p.Baseline, sut.Baseline),
	}}
	for _, s := range p.Systems {
		r.doc.Systems = append(r.doc.Systems, report.System{Name: s.Name, Title: s.Title})
	}
	start := time.Now()
	err = r.all(ctx)
	r.doc.Seconds = time.Since(start).Seconds()
	r.doc.Seal()
	return r.doc, err
}

type runner struct {
	Plan
	doc         *report.Document
	done, total int
}

func (r *runner) all(ctx context.Context) error {
	var cases []report.Case
	for _, family := range r.Families {
		for _, set := range r.Sets {
			for _, n := range r.Rules {
				cases = append(cases, report.Case{Set: set, Family: family, Rules: n})
			}
		}
	}
	r.total = len(cases) * r.steps()
	for i, c := range cases {
		r.done = i * r.steps()
		if err := r.oneCase(ctx, c); err != nil {
			return fmt.Errorf("%s of %d rules, IPv%d: %w", c.Set, c.Rules, c.Family, err)
		}
	}
	r.step("done")
	return nil
}

// steps is how many steps of the progress bar a case takes.
func (r *runner) steps() int {
	n := 2 * len(r.Systems) // load and check
	if r.measures(report.Rate) {
		n += r.Repeat * len(r.Matches) * len(r.Traffic) * len(r.Sizes)
	}
	for _, m := range []string{report.LatencyP50, report.Connections, report.Goodput, report.FirstP99, report.Update} {
		if !r.measures(m) {
			continue
		}
		n += r.Repeat * len(r.Systems)
		if r.FloodRate > 0 && (m == report.Connections || m == report.Goodput) {
			n += r.Repeat * len(r.Systems) // beside the flood, too
		}
	}
	if r.measures(report.KernelMemory) {
		n += len(r.Systems)
	}
	return n
}

func (r *runner) step(what string) {
	if r.Progress != nil {
		r.Progress(min(r.done, r.total), r.total, what)
	}
	r.done++
}

// seat is a system in force in its rig.
type seat struct {
	*sut.System
	rig      *rig.Rig
	instance sut.Instance
	// failed tells that it has judged a packet wrongly.
	failed bool
	// loaded is how long loading took.
	loaded time.Duration
	// perPacket is what the system needs for a packet, as measured last.
	perPacket time.Duration
}

// bench is one case's systems, side by side, and the rules they have.
type bench struct {
	*runner
	report.Case
	set   *filter.Set
	scan  *filter.Scanner
	lab   *lab.Lab
	seats []*seat
}

func (r *runner) oneCase(ctx context.Context, c report.Case) (err error) {
	if r.onlyMemory() {
		return r.memory(ctx, c)
	}
	b := &bench{runner: r, Case: c}
	if b.set, err = r.Generate(c.Set, c.Family, c.Rules, r.Seed); err != nil {
		return err
	}
	b.scan = filter.NewScanner(b.set)
	if b.lab, err = lab.New(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	for _, s := range r.Systems {
		if err := b.seat(ctx, s); err != nil {
			return err
		}
	}
	if err := b.check(ctx); err != nil {
		return err
	}
	for _, m := range []struct {
		name string
		run  func(context.Context) error
	}{
		{report.Rate, b.rates}, {report.LatencyP50, b.latencies}, {report.Connections, b.connections}, {report.Goodput, b.goodputs}, {report.FirstP99, b.firsts},
		{report.Update, b.updates},
	} {
		if r.measures(m.name) {
			if err := m.run(ctx); err != nil {
				return err
			}
		}
	}
	if r.measures(report.KernelMemory) {
		return r.memory(ctx, c)
	}
	return nil
}

// seat puts a system in force, if it can be.
func (b *bench) seat(ctx context.Context, s *sut.System) error {
	b.step("load " + s.Name)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.Missing(&b.Options, b.Family); err != nil {
		b.skip(s, "", err.Error())
		return nil
	}
	if s.Linear && b.LinearLimit > 0 && b.Rules > b.LinearLimit {
		b.skip(s, fmt.Sprintf("%d rules", b.Rules), fmt.Sprintf("its cost grows with every rule; not measured above %d", b.LinearLimit))
		return nil
	}
	g, err := rig.New(b.lab, fmt.Sprintf("%d-%s", len(b.seats), s.Name), b.Queues)
	if err != nil {
		return fmt.Errorf("test bed for %s: %w", s.Name, err)
	}
	start := time.Now()
	in, err := s.Load(ctx, &b.Options, g, b.set)
	if err != nil {
		_ = g.Close()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.skip(s, fmt.Sprintf("%s of %d rules", b.Set, b.Rules), "it did not take the rules: "+err.Error())
		return nil
	}
	took := time.Since(start)
	if s.Judges() {
		b.result(s, report.Load, b.Case, "", took.Seconds())
	}
	b.seats = append(b.seats, &seat{System: s, rig: g, instance: in, loaded: took})
	return nil
}

func (b *bench) close() error {
	var errs []error
	for _, s := range b.seats {
		errs = append(errs, s.instance.Close(), s.rig.Close())
	}
	return errors.Join(append(errs, b.lab.Close())...)
}

// skip notes what is not measured, once.
func (r *runner) skip(s *sut.System, what, reason string) {
	k := report.Skipped{System: s.Name, What: what, Reason: reason}
	for _, x := range r.doc.Skipped {
		if x == k {
			return
		}
	}
	r.doc.Skipped = append(r.doc.Skipped, k)
}

// result adds values to a result, or begins one.
func (r *runner) result(s *sut.System, measure string, c report.Case, note string, values ...float64) {
	for i := range r.doc.Results {
		if x := &r.doc.Results[i]; x.System == s.Name && x.Measure == measure && x.Case == c {
			x.Values = append(x.Values, values...)
			if x.Note == "" {
				x.Note = note
			}
			return
		}
	}
	r.doc.Results = append(r.doc.Results, report.Result{System: s.Name, Measure: measure, Case: c, Values: values, Note: note})
}
