package measure

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"rampart/bench/filter"
	"rampart/bench/report"
	"rampart/model"
	"rampart/xdp/classify"
)

// Names of what Classify compares.
const (
	scanName     = "linear-scan"
	rampartName  = "rampart-classify"
	dpdkName     = "dpdk-scalar"
	dpdkBestName = "dpdk-vector"
	// lookupBatch is how many packets are looked up in a call, in dpdk-test-acl too.
	lookupBatch   = 256
	linearLookups = 200 // packets for the scan, which is slow
)

// Classify measures packet classifiers in user space on one core: rampart's, a linear scan of the same rules, and DPDK's
// rte_acl where dpdk-test-acl is installed. They take turns with the same rules and packets. The baseline is rte_acl without
// vector instructions where it can be had, else the scan. It needs no root and no lab. Of the plan it uses sets, families,
// rules, flows, repetitions, duration, core, seed and progress.
func Classify(ctx context.Context, p Plan) (*report.Document, error) {
	if err := p.Check(); err != nil {
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
		Started: time.Now().UTC().Truncate(time.Second), Environment: report.Survey(), Method: p.method(), Baseline: scanName,
		Systems: []report.System{
			{Name: scanName, Title: "linear scan"}, {Name: rampartName, Title: "rampart classifier"},
			{Name: dpdkName, Title: "DPDK rte_acl, scalar"}, {Name: dpdkBestName, Title: "DPDK rte_acl, vector"},
		},
	}}
	r.doc.Method.Realtime = false
	if _, err := exec.LookPath(dpdkProgram); err == nil && !slices.Contains(p.Families, 6) {
		r.doc.Baseline = dpdkName
	}
	start := time.Now()
	err = onCore(p.CPU, func() error { return r.classifyAll(ctx) })
	r.doc.Seconds = time.Since(start).Seconds()
	r.doc.Seal()
	return r.doc, err
}

// onCore runs fn on a thread of its own that keeps to one core.
func onCore(cpu int, fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		var set unix.CPUSet
		set.Set(cpu)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			done <- fmt.Errorf("keep to core %d: %w", cpu, err)
			return
		}
		done <- fn()
	}()
	return <-done
}

func (r *runner) classifyAll(ctx context.Context) error {
	r.total = len(r.Families) * len(r.Sets) * len(r.Rules) * r.Repeat
	for _, family := range r.Families {
		for _, name := range r.Sets {
			for _, n := range r.Rules {
				set, err := r.Generate(name, family, n, r.Seed)
				if err != nil {
					return err
				}
				c := report.Case{Set: name, Family: family, Rules: len(set.Rules)}
				if err := r.classifyCase(ctx, c, set); err != nil {
					return fmt.Errorf("%s of %d rules, IPv%d: %w", name, n, family, err)
				}
			}
		}
	}
	r.step("done")
	return nil
}

// classifier looks keys up; out gets the numbers of the rules.
type classifier struct {
	*classify.Classifier
	v4 []classify.Key4
	v6 []classify.Key6
}

func (r *runner) classifyCase(ctx context.Context, c report.Case, set *filter.Set) error {
	scan := filter.NewScanner(set)
	flows := packetsInside(set, scan, r.Flows, r.Seed)
	dpdk, err := r.newDPDK(c, set, flows)
	if err != nil {
		return err
	}
	defer dpdk.close()
	names := r.named()
	for k := range r.Repeat {
		r.step(fmt.Sprintf("classify: %s of %d rules, IPv%d, %d of %d", c.Set, c.Rules, c.Family, k+1, r.Repeat))
		if err := ctx.Err(); err != nil {
			return err
		}
		start := time.Now()
		built, err := classify.Build(c.Family == 6, classifyRules(set))
		if err != nil {
			return err
		}
		took := time.Since(start)
		x := newClassifier(built, flows)
		if wrong := x.check(flows); wrong != "" {
			r.doc.Failures = append(r.doc.Failures, fmt.Sprintf("%s, %s of %d rules: %s", rampartName, c.Set, c.Rules, wrong))
			return nil
		}
		r.result(names[rampartName], report.Lookups, c, "", x.rate(r.Duration))
		r.result(names[rampartName], report.Build, c, "", took.Seconds())
		if k == 0 {
			r.result(names[rampartName], report.TableMemory, c, "", float64(built.Bytes())/float64(len(set.Rules)))
		}
		dpdk.measure(ctx, r, names)
		r.result(names[scanName], report.Lookups, c, "", r.scanRate(scan, flows))
	}
	return nil
}

// packetsInside draws packets, each from inside a rule that is drawn first.
func packetsInside(set *filter.Set, scan *filter.Scanner, n int, seed uint64) []filter.Flow {
	rng := rand.New(rand.NewPCG(seed, 31))
	flows := make([]filter.Flow, n)
	for i := range flows {
		p := set.Rules[rng.IntN(len(set.Rules))].Packet(rng)
		action, rule := scan.Decide(&p)
		flows[i] = filter.Flow{Packet: p, Want: action, Rule: rule}
	}
	return flows
}

// classifyRules are the rules with their positions as values.
func classifyRules(set *filter.Set) []classify.Rule {
	out := make([]classify.Rule, len(set.Rules))
	for i := range set.Rules {
		r := &set.Rules[i]
		out[i] = classify.Rule{
			Priority: uint64(i), Src: r.Src, Dst: r.Dst, Protocol: r.Protocol, AnyProtocol: r.AnyProtocol, Value: uint32(i),
			SrcPort: classify.Range{Min: r.SrcPorts.Min, Max: r.SrcPorts.Max}, DstPort: classify.Range{Min: r.DstPorts.Min, Max: r.DstPorts.Max},
		}
	}
	return out
}

func newClassifier(c *classify.Classifier, flows []filter.Flow) *classifier {
	x := &classifier{Classifier: c}
	for _, f := range flows {
		p := &f.Packet
		sport, dport := p.SrcPort, p.DstPort
		if p.Protocol == model.ProtoICMP || p.Protocol == model.ProtoICMPv6 {
			sport, dport = uint16(p.ICMPType), uint16(p.ICMPCode)
		}
		if p.Src.Is4() {
			x.v4 = append(x.v4, classify.Key4{Src: number4(p.Src.As4()), Dst: number4(p.Dst.As4()), SrcPort: sport, DstPort: dport, Protocol: p.Protocol})
		} else {
			x.v6 = append(x.v6, classify.Key6{Src: p.Src.As16(), Dst: p.Dst.As16(), SrcPort: sport, DstPort: dport, Protocol: p.Protocol})
		}
	}
	return x
}

func number4(b [4]byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// lookup classifies all keys once, batch by batch.
func (x *classifier) lookup(out []uint32) {
	for i := 0; i < len(x.v4); i += lookupBatch {
		end := min(i+lookupBatch, len(x.v4))
		x.Lookup4(x.v4[i:end], out[i:end])
	}
	for i := 0; i < len(x.v6); i += lookupBatch {
		end := min(i+lookupBatch, len(x.v6))
		x.Lookup6(x.v6[i:end], out[i:end])
	}
}

// check compares every answer with the scan's and describes the first that is wrong.
func (x *classifier) check(flows []filter.Flow) string {
	out := make([]uint32, len(flows))
	x.lookup(out)
	for i, f := range flows {
		want := uint32(classify.NoMatch)
		if f.Rule != filter.NoRule {
			want = uint32(f.Rule)
		}
		if out[i] != want {
			return fmt.Sprintf("packet %v meets rule %d, the scan says %d", f.Packet, int32(out[i]), f.Rule)
		}
	}
	return ""
}

// rate is look-ups per second of this thread's processor time.
func (x *classifier) rate(d time.Duration) float64 {
	out := make([]uint32, len(x.v4)+len(x.v6))
	x.lookup(out) // warm-up
	n := 0
	start := threadTime()
	for threadTime()-start < d {
		x.lookup(out)
		n += len(out)
	}
	return float64(n) / (threadTime() - start).Seconds()
}

// threadTime is how long this thread has run: what others do on the core meanwhile is not in it.
func threadTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) // cannot fail for this clock
	return time.Duration(t.Nano())
}

func (r *runner) scanRate(scan *filter.Scanner, flows []filter.Flow) float64 {
	n := 0
	start := threadTime()
	for threadTime()-start < r.Duration || n < linearLookups {
		for range 16 {
			scan.First(&flows[n%len(flows)].Packet)
			n++
		}
	}
	return float64(n) / (threadTime() - start).Seconds()
}
