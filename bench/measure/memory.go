package measure

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"rampart/bench/filter"
	"rampart/bench/lab"
	"rampart/bench/report"
	"rampart/bench/rig"
	"rampart/bench/sut"
)

// Hold is a request to a process of its own: put one system in force and keep it so until standard input ends. The kernel's
// memory is then that process's, and can be told from everybody else's.
type Hold struct {
	System, Set   string
	Family, Rules int
	Seed          uint64
	// Rampart and Dir are those of sut.Options.
	Rampart, Dir string
}

// Args is the request as arguments of the hold command.
func (h *Hold) Args() []string {
	return []string{"hold", h.System, h.Set, strconv.Itoa(h.Family), strconv.Itoa(h.Rules), strconv.FormatUint(h.Seed, 10), h.Rampart, h.Dir}
}

// ParseHold is the inverse of Args, without the name of the command.
func ParseHold(args []string) (*Hold, error) {
	if len(args) != 7 {
		return nil, fmt.Errorf("hold takes 7 arguments, not %d", len(args))
	}
	h := &Hold{System: args[0], Set: args[1], Rampart: args[5], Dir: args[6]}
	var err1, err2, err3 error
	h.Family, err1 = strconv.Atoi(args[2])
	h.Rules, err2 = strconv.Atoi(args[3])
	h.Seed, err3 = strconv.ParseUint(args[4], 10, 64)
	return h, errors.Join(err1, err2, err3)
}

// held is what a holding process says when the system is in force: its daemon's process, 0 for none, and kernel memory that
// the system knows of and the kernel charges to nobody.
const held = "in force, daemon %d, unaccounted %d\n"

// Run does what the request says. It begins when it reads a line from in, and ends when in ends.
func (h *Hold) Run(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	lines := bufio.NewReader(in)
	if _, err := lines.ReadString('\n'); err != nil {
		return err
	}
	systems, err := sut.Select([]string{h.System})
	if err != nil {
		return err
	}
	set, err := filter.Generate(h.Set, h.Family, h.Rules, h.Seed)
	if err != nil {
		return err
	}
	l, err := lab.New()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	r, err := rig.New(l, "hold", 0)
	if err != nil {
		return err
	}
	defer r.Close()
	instance, err := systems[len(systems)-1].Load(ctx, &sut.Options{Rampart: h.Rampart, Dir: h.Dir}, r, set)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, instance.Close()) }()
	pid := 0
	if p, ok := instance.(sut.Process); ok {
		pid = p.Pid()
	}
	unaccounted := int64(0)
	if u, ok := instance.(sut.Unaccounted); ok {
		if unaccounted, err = u.Unaccounted(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, held, pid, unaccounted)
	_, err = io.Copy(io.Discard, lines)
	return err
}

// onlyMemory tells that nothing else is measured, so that no systems need be side by side.
func (r *runner) onlyMemory() bool {
	return len(r.Measures) == 1 && r.measures(report.KernelMemory)
}

// memory measures what the kernel and the daemon need for a set, system by system.
func (r *runner) memory(ctx context.Context, c report.Case) error {
	if r.Self == "" {
		return nil
	}
	var base float64
	for _, s := range r.Systems {
		r.step(fmt.Sprintf("memory: %s, %s of %d rules", s.Name, c.Set, c.Rules))
		if err := ctx.Err(); err != nil {
			return err
		}
		if !s.Judges() && s.Name != sut.Baseline {
			continue
		}
		if err := s.Missing(&r.Options, c.Family); err != nil {
			r.skip(s, "", err.Error())
			continue
		}
		h := &Hold{System: s.Name, Set: c.Set, Family: c.Family, Rules: c.Rules, Seed: r.Seed, Rampart: r.Options.Rampart, Dir: r.Options.Dir}
		kernel, daemon, err := r.hold(ctx, h)
		if errors.Is(err, errNoAccounting) {
			r.skip(s, "memory", err.Error())
			return nil
		}
		if err != nil {
			return fmt.Errorf("memory of %s: %w", s.Name, err)
		}
		if s.Name == sut.Baseline {
			base = kernel
			continue
		}
		r.result(s, report.KernelMemory, c, "", max(0, kernel-base)/float64(c.Rules))
		if daemon > 0 {
			r.result(s, report.DaemonMemory, c, "", daemon/1e6)
		}
	}
	return nil
}

// hold runs a request in a process of its own and returns the bytes of kernel memory that it holds, and of its daemon.
func (r *runner) hold(ctx context.Context, h *Hold) (kernel, daemon float64, err error) {
	group, err := newCgroup()
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, group.remove()) }()
	cmd := exec.CommandContext(ctx, r.Self, h.Args()...)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return 0, 0, err
	}
	defer func() {
		if e := errors.Join(in.Close(), cmd.Wait()); e != nil {
			err = errors.Join(err, fmt.Errorf("%w: %s", e, strings.TrimSpace(stderr.String())))
		}
	}()
	if err := group.add(cmd.Process.Pid); err != nil {
		return 0, 0, err
	}
	if _, err := io.WriteString(in, "go\n"); err != nil {
		return 0, 0, err
	}
	var pid, unaccounted int
	if _, err := fmt.Fscanf(out, held, &pid, &unaccounted); err != nil {
		return 0, 0, fmt.Errorf("it does not hold: %w", err)
	}
	time.Sleep(200 * time.Millisecond) // what was needed only for loading is given back by now
	if kernel, err = group.kernel(); err != nil {
		return 0, 0, err
	}
	if pid != 0 {
		daemon, err = resident(pid)
	}
	return kernel + float64(unaccounted), daemon, err
}

// resident is a process's resident memory in bytes.
func resident(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	var size, pages float64
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		return 0, err
	}
	return pages * float64(os.Getpagesize()), nil
}
