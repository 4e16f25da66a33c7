package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"rampart/bench/filter"
	"rampart/bench/measure"
	"rampart/bench/report"
)

// everything are the systems that a command measures unless told otherwise.
var everything = []string{
	"nothing", "stateful", "nft-linear", "iptables", "ipset", "nft-sets", "felix-like", "rampart", "rampart-xdp", "xdp-redirect", "xdp-drop",
}

// flooded are the systems that are measured beside a flood.
var flooded = []string{"nothing", "rampart", "rampart-prednat", "rampart-passed", "rampart-xdp", "rampart-auto"}

// judging are the systems that decide on packets, the daemon among them.
var judging = []string{"nothing", "nft-linear", "iptables", "ipset", "nft-sets", "felix-like", "rampart", "rampart-daemon"}

func newQuickCommand(e *env) *cobra.Command {
	p := measure.Default()
	p.Sets, p.Rules = []string{"acl"}, []int{10, 100, 1000, 10_000}
	p.Repeat, p.Duration = 5, 30*time.Millisecond
	p.LinearLimit = 10_000
	return planCommand(e, measure.Run, &cobra.Command{
		Use:   "quick",
		Short: "All systems, 10 to 10000 rules, in less than two minutes",
		Long: `Measure all systems with access lists of 10 to 10000 rules: packet rate, CPU time per packet and load time. It takes less
than two minutes on an idle machine.`,
		Example: "  sudo rampart-bench quick\n  sudo rampart-bench quick --systems rampart,nft-sets --sets labels",
	}, newPlanFlags(p, everything...), true)
}

func newScaleCommand(e *env) *cobra.Command {
	p := measure.Default()
	p.Sets, p.Rules = []string{"acl", "labels", "blocklist"}, []int{1, 10, 100, 1000, 10_000, 100_000}
	p.Matches = []measure.Match{measure.First, measure.Middle, measure.Last, measure.None, measure.Zipf}
	p.Measures = []string{report.Rate, report.LatencyP50, report.Connections}
	return planCommand(e, measure.Run, &cobra.Command{
		Use:   "scale",
		Short: "The full matrix: rate, latency and connections up to 100000 rules",
		Long: `Measure all systems with all sets of 1 to 100000 rules: packet rate for packets that meet the first, the middle, the last or no
rule, or rules by a Zipf distribution; latency at half load; new TCP connections per second; load time. It takes the better
part of an hour.`,
		Example: "  sudo rampart-bench scale --sets acl --rules 1k,10k,100k\n  sudo rampart-bench scale --filters fw1_10k.gz --rules 10k",
	}, newPlanFlags(p, everything...), true)
}

func newFloodCommand(e *env) *cobra.Command {
	p := measure.Default()
	p.Sets, p.Rules = []string{"acl"}, []int{10, 10_000}
	// The queue's core sends; its worker has the last one.
	p.Queues, p.CPU = 1, 0
	p.Matches, p.Traffic = []measure.Match{measure.None}, []filter.Traffic{filter.TrafficFlood}
	p.Flows = 1 << 14
	p.Measures = []string{report.Rate, report.Connections, report.Goodput, report.FirstP99}
	p.FloodRate, p.Baseline = 500_000, "rampart-prednat"
	f := newPlanFlags(p, flooded...)
	cmd := planCommand(e, measure.Run, &cobra.Command{
		Use:   "flood",
		Short: "What is left for others while packets from random sources are denied",
		Long: `Send packets from random sources that the rules deny: as many as can be, to see how many that is; and so many a second
beside established TCP connections, whose goodput is measured, and beside new ones. Measure the first packet of flows on an
idle firewall, too. The fast path's rules stand in preDNAT policies, so ratios are to the same policies in nftables alone. It
takes six minutes.`,
		Example: "  sudo rampart-bench flood\n  sudo rampart-bench flood --measures goodput --queues 1 --flood-rate 300000",
	}, f, true)
	f.addFlood(cmd.Flags())
	return cmd
}

func newUpdateCommand(e *env) *cobra.Command {
	p := measure.Default()
	p.Sets, p.Rules = []string{"acl", "labels", "blocklist"}, []int{100, 1000, 10_000}
	p.Measures = []string{report.Update}
	return planCommand(e, measure.Run, &cobra.Command{
		Use:   "update",
		Short: "How long a small change takes to be in force, and what it does to packets meanwhile",
		Long: `Change one thing while packets are sent: add a rule at the top of an access list, a label to an endpoint, a prefix to a block
list. Measure the time from the order until the first packet meets the new rules, and count packets that met neither the
old rules nor the new ones. There must be none.`,
		Example: "  sudo rampart-bench update --sets labels --rules 10k,100k",
	}, newPlanFlags(p, judging...), false)
}

func newMemoryCommand(e *env) *cobra.Command {
	p := measure.Default()
	p.Sets, p.Rules = []string{"acl", "labels", "blocklist"}, []int{1000, 10_000, 100_000}
	p.Measures = []string{report.KernelMemory}
	return planCommand(e, measure.Run, &cobra.Command{
		Use:   "memory",
		Short: "Memory of kernel and daemon per rule",
		Long: `Load each system in a process and a memory control group of its own and read what the kernel has allocated for it, and how
much memory the daemon has resident.`,
		Example: "  sudo rampart-bench memory --sets acl --rules 10k",
	}, newPlanFlags(p, judging...), false)
}

// newHoldCommand is for this program itself, which starts it to measure memory.
func newHoldCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "hold SYSTEM SET FAMILY RULES SEED RAMPART DIR", Hidden: true,
		Short: "Put a system in force and hold it (for the memory command)",
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := measure.ParseHold(args)
			if err != nil {
				return &usageError{err}
			}
			return h.Run(cmd.Context(), e.stdin, e.stdout)
		},
	}
}

func newClassifyCommand(e *env) *cobra.Command {
	p := measure.Default()
	p.Sets, p.Rules = []string{"acl"}, []int{10, 100, 1000, 10_000, 100_000}
	p.Flows, p.Duration = 1<<15, 200*time.Millisecond
	return planCommand(e, measure.Classify, &cobra.Command{
		Use:   "classify",
		Short: "Packet classifiers in user space: rampart's, a linear scan, DPDK's",
		Long: `Measure the classifier of the fast path on one core, against a linear scan of the same rules and, where dpdk-test-acl is
installed, against DPDK's rte_acl without and with vector instructions. They take turns with the same rules and packets.
Ratios are to rte_acl without vector instructions where it can be had. It needs no root. Every answer is compared with
the scan's first. Filter files are also looked for in the folder classbench of $RAMPART_DATA.`,
		Example: "  rampart-bench classify\n  rampart-bench classify --rules 100k --filters acl1_1k,acl1_10k,fw1_1k,fw1_10k,ipc1_1k,ipc1_10k",
	}, newPlanFlags(p), false)
}

// runner is what carries a plan out.
type runner func(context.Context, measure.Plan) (*report.Document, error)

// planCommand makes a command that measures a plan.
func planCommand(e *env, run runner, cmd *cobra.Command, f *planFlags, traffic bool) *cobra.Command {
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := f.finish(); err != nil {
			return err
		}
		return f.run(cmd.Context(), e, run, cmd.Name())
	}
	f.add(cmd.Flags())
	if traffic {
		f.addTraffic(cmd.Flags())
		f.addMeasures(cmd.Flags())
	}
	return cmd
}

func (f *planFlags) run(ctx context.Context, e *env, run runner, name string) error {
	bar := newProgress(e.stderr)
	f.plan.Progress = bar.step
	d, err := run(ctx, f.plan)
	bar.clear()
	if d != nil {
		d.Tool, d.Command = "rampart-bench "+version, append([]string{"rampart-bench"}, e.args...)
	}
	if err != nil {
		if d != nil && len(d.Results) > 0 && ctx.Err() == nil {
			fmt.Fprintln(e.stderr, "rampart-bench: the run broke off; this is what it had found:")
			return errors.Join(err, d.WriteTable(e.stderr))
		}
		return err
	}
	return write(e, d, f.directory(name))
}

// directory is where the report goes, "" for nowhere.
func (f *planFlags) directory(command string) string {
	switch f.output {
	case "-":
		return ""
	case "":
		return filepath.Join("bench", "results", f.started.Format("2006-01-02-150405")+"-"+command)
	}
	return f.output
}
