package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"rampart/bench/filter"
	"rampart/bench/measure"
	"rampart/bench/report"
	"rampart/bench/sut"
)

// planFlags are the flags of the commands that measure firewalls. Defaults are those of a plan.
type planFlags struct {
	plan     measure.Plan
	systems  []string
	rules    []string
	matches  []string
	traffic  []string
	families []int
	measures []string
	rampart  string
	output   string
	files    []string
	started  time.Time
}

func newPlanFlags(defaults measure.Plan, systems ...string) *planFlags {
	f := &planFlags{plan: defaults, systems: systems, families: defaults.Families}
	for _, n := range defaults.Rules {
		f.rules = append(f.rules, strconv.Itoa(n))
	}
	for _, m := range defaults.Matches {
		f.matches = append(f.matches, string(m))
	}
	for _, m := range measureNames {
		if slices.Contains(defaults.Measures, m.measure) {
			f.measures = append(f.measures, m.name)
		}
	}
	for _, t := range defaults.Traffic {
		f.traffic = append(f.traffic, string(t))
	}
	return f
}

func (f *planFlags) add(fs *pflag.FlagSet) {
	var all []string
	for _, s := range sut.All() {
		all = append(all, s.Name)
	}
	fs.StringSliceVar(&f.systems, "systems", f.systems, "`NAMES` of the systems to measure, of: "+strings.Join(all, ", ")+"; the first is always there")
	fs.StringSliceVar(&f.plan.Sets, "sets", f.plan.Sets, "`NAMES` of the rule sets: "+strings.Join(filter.Generators(), ", "))
	fs.StringSliceVar(&f.rules, "rules", f.rules, "`NUMBERS` of rules; 10k is 10000")
	fs.StringSliceVar(&f.files, "filters", nil, "ClassBench filter `FILES` to measure in place of generated sets; each may end in .gz")
	fs.IntSliceVar(&f.families, "families", f.families, "address `FAMILIES`: 4, 6")
	fs.IntVar(&f.plan.Repeat, "repeat", f.plan.Repeat, "`N` repetitions")
	fs.DurationVar(&f.plan.Duration, "duration", f.plan.Duration, "`TIME` that each repetition sends")
	fs.IntVar(&f.plan.CPU, "cpu", f.plan.CPU, "core `N` sends the packets, and the path runs on it")
	fs.BoolVar(&f.plan.Realtime, "realtime", f.plan.Realtime, "keep other processes off that core while packets are sent")
	fs.Uint64Var(&f.plan.Seed, "seed", f.plan.Seed, "`SEED` of rules and packets")
	fs.IntVar(&f.plan.LinearLimit, "linear-limit", f.plan.LinearLimit, "the largest `N` of rules for systems that try one rule after the other")
	fs.StringVar(&f.rampart, "rampart", "", "`PATH` of the rampart binary, for the daemon (default: beside this program, else in PATH)")
	fs.StringVarP(&f.output, "output", "o", "", "`DIR` for the report (default: bench/results/TIME-COMMAND; \"-\" for none)")
}

// measureNames are the words of the measures flag, each for the first of the figures that are taken together.
var measureNames = []struct{ name, measure string }{
	{"rate", report.Rate}, {"latency", report.LatencyP50}, {"connections", report.Connections},
	{"goodput", report.Goodput}, {"first", report.FirstP99}, {"update", report.Update}, {"memory", report.KernelMemory},
}

// addMeasures adds the flag of commands that may measure anything.
func (f *planFlags) addMeasures(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.measures, "measures", f.measures, "`NAMES` of what to measure: rate, latency, connections, goodput, first (packets), update, memory; load time always")
}

// findMeasures turns the measures flag into names of the report.
func (f *planFlags) findMeasures() error {
	f.plan.Measures = nil
	for _, want := range f.measures {
		i := slices.IndexFunc(measureNames, func(m struct{ name, measure string }) bool { return m.name == want })
		if i < 0 {
			return fmt.Errorf("there is no measure %q", want)
		}
		f.plan.Measures = append(f.plan.Measures, measureNames[i].measure)
	}
	return nil
}

// addTraffic adds the flags of commands that send packets of many kinds.
func (f *planFlags) addTraffic(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.matches, "match", f.matches, "`PLACES` of the rules that packets meet: first, middle, last, none, zipf, uniform")
	fs.StringSliceVar(&f.traffic, "traffic", f.traffic, "`KINDS` of packets: mixed, udp, syn, flood (random sources)")
	fs.IntSliceVar(&f.plan.Sizes, "sizes", f.plan.Sizes, "frame `SIZES` in bytes, 60 to 1514")
	fs.IntVar(&f.plan.Flows, "flows", f.plan.Flows, "`N` different packets at most")
}

// addFlood adds the flags of commands that measure beside a flood.
func (f *planFlags) addFlood(fs *pflag.FlagSet) {
	fs.Float64Var(&f.plan.FloodRate, "flood-rate", f.plan.FloodRate, "`N` packets a second that the rules deny, beside connections; 0 for none")
	fs.IntVar(&f.plan.Queues, "queues", f.plan.Queues, "`N` receive queues of the firewall's interface, each a core's; 0 for one for each core")
	fs.StringVar(&f.plan.Baseline, "against", f.plan.Baseline, "`NAME` of the system that ratios are to")
}

// finish turns the flags into the plan. Every mistake is a usage error.
func (f *planFlags) finish() error {
	p := &f.plan
	var err error
	if p.Systems, err = sut.Select(f.systems); err != nil {
		return &usageError{err}
	}
	if err := f.findMeasures(); err != nil {
		return &usageError{err}
	}
	p.Rules, p.Matches, p.Traffic, p.Families = nil, nil, nil, f.families
	for _, s := range f.rules {
		n, err := count(s)
		if err != nil {
			return &usageError{err}
		}
		p.Rules = append(p.Rules, n)
	}
	for _, m := range f.matches {
		p.Matches = append(p.Matches, measure.Match(m))
	}
	for _, t := range f.traffic {
		p.Traffic = append(p.Traffic, filter.Traffic(t))
	}
	if len(f.files) > 0 {
		if err := f.readFilters(); err != nil {
			return err
		}
	}
	if err := p.Check(); err != nil {
		return &usageError{err}
	}
	f.findRampart()
	f.started = time.Now()
	return nil
}

// count reads a number that may end in k or M.
func count(s string) (int, error) {
	digits, factor := s, 1
	switch {
	case strings.HasSuffix(s, "k"):
		digits, factor = strings.TrimSuffix(s, "k"), 1000
	case strings.HasSuffix(s, "M"):
		digits, factor = strings.TrimSuffix(s, "M"), 1_000_000
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0, fmt.Errorf("%q is no number of rules", s)
	}
	return n * factor, nil
}

// findRampart looks for the daemon's binary where an installation or a build puts it. Without one the daemon is skipped.
func (f *planFlags) findRampart() {
	f.plan.Options.Rampart = f.rampart
	self, err := os.Executable()
	if err != nil {
		return
	}
	f.plan.Self = self
	if f.rampart == "" {
		if path := filepath.Join(filepath.Dir(self), "rampart"); isFile(path) {
			f.plan.Options.Rampart = path
		}
	}
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}
