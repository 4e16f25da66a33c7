package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"rampart/bench/daemon"
	"rampart/bench/lab"
	"rampart/model"
)

type options struct {
	world
	binary, label, settings string
	changes                 int
	pause                   time.Duration
	log                     bool
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "bin/rampart", "the daemon")
	flag.IntVar(&o.endpoints, "endpoints", 10_000, "how many endpoints")
	flag.IntVar(&o.local, "local", -1, "how many of them are on this node; all when negative")
	flag.IntVar(&o.policies, "policies", 100, "how many policies")
	flag.IntVar(&o.rules, "rules", 10, "how many rules, each with a selector, a policy has")
	flag.IntVar(&o.prefixes, "prefixes", 0, "how many prefixes a network set has; then it is the set that changes")
	flag.BoolVar(&o.apart, "apart", false, "the prefix that comes and goes is in a network set of its own, in a file of its own, with the label of the large one")
	flag.BoolVar(&o.each, "each", false, "a file per endpoint")
	flag.StringVar(&o.format, "format", "yaml", "of the files: yaml, json or hcl")
	flag.StringVar(&o.label, "label", "role", "which label changes: role, by which rules select peers, or app, by which policies select")
	flag.IntVar(&o.changes, "changes", 50, "how many changes to measure")
	flag.DurationVar(&o.pause, "pause", 1500*time.Millisecond, "time between changes, so that work put off is done")
	flag.StringVar(&o.settings, "settings", "", "lines for the daemon's configuration")
	flag.BoolVar(&o.log, "log", false, "print the daemon's log")
	flag.Parse()
	if o.local < 0 {
		o.local = o.endpoints
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "update:", err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context) (err error) {
	l, err := lab.New()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	ns, err := l.Namespace("host")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "rampart-update")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	policy := filepath.Join(dir, "policy.d")
	if err := os.Mkdir(policy, 0o755); err != nil {
		return err
	}
	if err := o.write(policy, o.changed()); err != nil {
		return err
	}
	began := time.Now()
	d, err := daemon.Start(daemon.Config{
		Binary: o.binary, Namespace: ns, Dir: dir, Policy: []string{policy}, Node: node, Settings: "debounce = \"1ms\"\n" + o.settings,
	})
	if err != nil {
		return err
	}
	defer func() {
		if o.log {
			fmt.Println(d.Log())
		}
		stopping, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		err = errors.Join(err, d.Stop(stopping))
	}()
	if err := o.start(ctx, d, ns.FD(), began); err != nil {
		return err
	}
	commits, err := follow(ns.FD())
	if err != nil {
		return err
	}
	defer commits.conn.Close()
	return o.measure(ctx, d, commits, filepath.Join(policy, o.changed()))
}

func (o *options) changed() string {
	if o.prefixes > 0 {
		return "set." + o.format
	}
	return "one." + o.format
}

// start waits for the first program and tells what it cost.
func (o *options) start(ctx context.Context, d *daemon.Daemon, netns int, began time.Time) error {
	last, cpu, err := firstCommits(ctx, netns, func() time.Duration { return cpuTime(d.Pid()) })
	if err != nil {
		return err
	}
	if err := d.Ready(ctx); err != nil {
		return err
	}
	fmt.Printf("%d endpoints (%d local), %d policies of %d rules, %d prefixes\n", o.endpoints, o.local, o.policies, o.rules, o.prefixes)
	fmt.Printf("  cold start   %7.0f ms, processor %7.0f ms\n", ms(last.Sub(began)), ms(cpu))
	fmt.Printf("  memory       %7.0f MB, at most %.0f MB\n", memory(d.Pid(), "VmRSS"), memory(d.Pid(), "VmHWM"))
	return nil
}

// measure changes the file again and again.
func (o *options) measure(ctx context.Context, d *daemon.Daemon, f *follower, path string) error {
	var took, until, all samples
	for i := range o.changes {
		var next []model.Resource
		if o.prefixes > 0 {
			next = append(next, o.next(i%2 == 0))
		} else {
			role, app := (i+1)%o.roles(), 0
			if o.label == "app" {
				role, app = 0, (i+1)%o.apps()
			}
			next = append(next, o.endpoint(0, role, app))
		}
		prepared, err := prepare(path, o.format, next...)
		if err != nil {
			return err
		}
		f.drain()
		before := cpuTime(d.Pid())
		began := time.Now()
		if err := os.Rename(prepared, path); err != nil {
			return err
		}
		last, cpu, err := f.settled(ctx, func() time.Duration { return cpuTime(d.Pid()) })
		if err != nil {
			return fmt.Errorf("change %d: %w", i+1, err)
		}
		select {
		case <-time.After(o.pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		took, until, all = append(took, last.Sub(began)), append(until, cpu-before), append(all, cpuTime(d.Pid())-before)
	}
	if o.changes > 0 {
		fmt.Printf("  change until committed      %v\n", took)
		fmt.Printf("  processor until committed   %v\n", until)
		fmt.Printf("  processor until idle        %v\n", all)
		fmt.Printf("  memory       %7.0f MB, at most %.0f MB\n", memory(d.Pid(), "VmRSS"), memory(d.Pid(), "VmHWM"))
	}
	return nil
}

// settled waits for the last commit of a change, and has the processor time taken at each.
func (f *follower) settled(ctx context.Context, sample func() time.Duration) (last time.Time, cpu time.Duration, err error) {
	wait := time.NewTimer(30 * time.Second)
	defer wait.Stop()
	for {
		select {
		case t := <-f.commits:
			last, cpu = t, sample()
			wait.Reset(200 * time.Millisecond)
		case <-wait.C:
			if last.IsZero() {
				return last, 0, errors.New("no commit within 30 s")
			}
			return last, cpu, nil
		case <-ctx.Done():
			return last, 0, ctx.Err()
		}
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
