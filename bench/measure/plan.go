package measure

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"rampart/bench/filter"
	"rampart/bench/report"
	"rampart/bench/sut"
)

// Match names which rules the packets of a case meet.
type Match string

// The matches. The first four are filter.Places; Zipf draws rules at random, a few flows carrying most of the packets, and
// Uniform lets all flows carry the same.
const (
	First   = Match(filter.PlaceFirst)
	Middle  = Match(filter.PlaceMiddle)
	Last    = Match(filter.PlaceLast)
	None    = Match(filter.PlaceNone)
	Zipf    = Match("zipf")
	Uniform = Match("uniform")
)

// Matches lists them.
func Matches() []Match { return []Match{First, Middle, Last, None, Zipf, Uniform} }

// place is where the flows of a match are drawn.
func (m Match) place() filter.Place {
	if m == Zipf || m == Uniform {
		return filter.PlaceAny
	}
	return filter.Place(m)
}

// Plan says what to measure.
type Plan struct {
	Systems  []*sut.System
	Options  sut.Options
	Sets     []string
	Families []int
	Rules    []int
	Matches  []Match
	Traffic  []filter.Traffic
	// Sizes are frame lengths in bytes without the frame check sequence.
	Sizes []int
	// Measures are names of report: Rate (with Cost), LatencyP50 (with the others), Connections (with their latencies),
	// Goodput (with Lost), FirstP99 (with the others), Load, Update (with Misjudged), KernelMemory (with DaemonMemory).
	Measures []string
	// Repeat is the number of repetitions, Duration how long each sends.
	Repeat   int
	Duration time.Duration
	// Flows is how many different packets a case draws at most, Checked how many verdicts are checked first.
	Flows, Checked int
	// LinearLimit is the largest set for systems whose cost grows with each rule; they would take minutes for nothing
	// new.
	LinearLimit int
	// CPU sends packets. Realtime keeps others off it meanwhile.
	CPU      int
	Realtime bool
	Seed     uint64
	// FloodRate is how many packets a second that the rules deny come beside connections, when these are measured beside a
	// flood; 0 measures them without one only. Queues is how many receive queues the firewall's interface has, 0 for one for
	// each core.
	FloodRate float64
	Queues    int
	// Baseline is the name of the system that ratios are to, "" for sut.Baseline.
	Baseline string
	// Self is the path of this program, whose hold command measuring memory needs (see Hold); "" leaves memory out.
	Self string
	// Generate makes the sets; nil is filter.Generate.
	Generate func(name string, family, n int, seed uint64) (*filter.Set, error)
	// Progress, when given, is told how many steps there are and each one's beginning.
	Progress func(done, total int, what string)
}

// Default is a plan with everything set but the systems and what to measure.
func Default() Plan {
	return Plan{
		Families: []int{4}, Matches: []Match{Zipf}, Traffic: []filter.Traffic{filter.TrafficMixed}, Sizes: []int{60},
		Measures: []string{report.Rate}, Repeat: 5, Duration: 60 * time.Millisecond, Flows: 4096, Checked: 512, LinearLimit: 10_000,
		CPU: runtime.NumCPU() - 1, Realtime: true, Seed: 1,
	}
}

// Check finds what is wrong with a plan, all of it.
func (p *Plan) Check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, f := range p.Families {
		if f != 4 && f != 6 {
			bad("family %d is neither 4 nor 6", f)
		}
	}
	for _, n := range p.Rules {
		if n < 1 || n > 1_000_000 {
			bad("%d rules are not between 1 and 1000000", n)
		}
	}
	for _, m := range p.Matches {
		if !slices.Contains(Matches(), m) {
			bad("match %q is not one of %v", m, Matches())
		}
	}
	traffic := []filter.Traffic{filter.TrafficMixed, filter.TrafficUDP, filter.TrafficSYN, filter.TrafficFlood}
	for _, t := range p.Traffic {
		if !slices.Contains(traffic, t) {
			bad("traffic %q is not one of %v", t, traffic)
		}
	}
	for _, s := range p.Sizes {
		if s < 60 || s > 1514 {
			bad("frames of %d bytes are not between 60 and 1514", s)
		}
	}
	if p.Generate == nil {
		for _, s := range p.Sets {
			if !slices.Contains(filter.Generators(), s) {
				bad("set %q is not one of %v", s, filter.Generators())
			}
		}
	}
	if p.FloodRate < 0 || p.FloodRate > 10e6 {
		bad("a flood of %v packets a second is not between 0 and 10 million", p.FloodRate)
	}
	if p.Queues < 0 || p.Queues > runtime.NumCPU() {
		bad("%d queues, and there are %d cores", p.Queues, runtime.NumCPU())
	}
	if p.Baseline != "" && !slices.ContainsFunc(p.Systems, func(s *sut.System) bool { return s.Name == p.Baseline }) {
		bad("%q, which ratios are to be to, is not measured", p.Baseline)
	}
	if p.CPU < 0 || p.CPU >= runtime.NumCPU() {
		bad("CPU %d is not one of 0 to %d", p.CPU, runtime.NumCPU()-1)
	}
	for name, n := range map[string]int{"repetitions": p.Repeat, "flows": p.Flows} {
		if n < 1 {
			bad("%d %s", n, name)
		}
	}
	if p.Duration < time.Millisecond || p.Duration > 10*time.Second {
		bad("a duration of %v is not between 1ms and 10s", p.Duration)
	}
	if len(p.Sets)*len(p.Families)*len(p.Rules) == 0 {
		bad("nothing to measure: no sets, no families or no rule counts")
	}
	return errors.Join(errs...)
}

func (p *Plan) measures(name string) bool { return slices.Contains(p.Measures, name) }

// method is the plan as a report tells it.
func (p *Plan) method() report.Method {
	return report.Method{
		Repeat: p.Repeat, Duration: p.Duration.Seconds(), CPU: p.CPU, Seed: p.Seed, Flows: p.Flows, Realtime: p.Realtime, Checked: p.Checked,
		FloodRate: p.FloodRate, Queues: cmp.Or(p.Queues, runtime.NumCPU()),
	}
}
