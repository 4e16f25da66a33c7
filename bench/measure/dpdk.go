package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rampart/bench/filter"
	"rampart/bench/report"
	"rampart/bench/sut"
)

// dpdkTimeout bounds one run of dpdk-test-acl, whose build grows with the rules.
const dpdkTimeout = 5 * time.Minute

// named are the document's systems as results want them.
func (r *runner) named() map[string]*sut.System {
	out := map[string]*sut.System{}
	for _, s := range r.doc.Systems {
		out[s.Name] = &sut.System{Name: s.Name, Title: s.Title}
	}
	return out
}

// dpdk measures DPDK's classifier with its own test program on the same rules and packets.
func (r *runner) dpdk(ctx context.Context, names map[string]*sut.System, c report.Case, set *filter.Set, flows []filter.Flow) error {
	path, err := exec.LookPath("dpdk-test-acl")
	reason := ""
	switch {
	case err != nil:
		reason = "dpdk-test-acl is not installed"
	case c.Family == 6:
		reason = "dpdk-test-acl reads IPv4 here"
	}
	if reason != "" {
		r.skip(names[dpdkName], fmt.Sprintf("IPv%d", c.Family), reason)
		r.skip(names[dpdkBestName], fmt.Sprintf("IPv%d", c.Family), reason)
		return nil
	}
	dir, err := os.MkdirTemp(r.Options.Dir, "dpdk")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	rules, trace := filepath.Join(dir, "rules"), filepath.Join(dir, "trace")
	if err := errors.Join(createFile(rules, func(w io.Writer) error { return writeFilters(w, set) }),
		createFile(trace, func(w io.Writer) error { return writeTrace(w, flows) })); err != nil {
		return err
	}
	rounds := max(1, int(r.Duration.Seconds()*10e6)/len(flows))
	for name, algorithms := range map[string][]string{dpdkName: {"scalar"}, dpdkBestName: {"avx512x32", "avx512x16", "avx2", "sse", "neon"}} {
		var rate float64
		for _, a := range algorithms { // the first that the processor has
			if rate, err = r.dpdkRate(ctx, path, rules, trace, a, rounds); err == nil {
				break
			}
		}
		if err != nil {
			r.skip(names[name], fmt.Sprintf("%s of %d rules", c.Set, c.Rules), err.Error())
			continue
		}
		r.result(names[name], report.Lookups, c, "", rate)
	}
	return nil
}

func createFile(path string, fn func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(fn(f), f.Close())
}

// writeFilters writes rules as ClassBench filters.
func writeFilters(w io.Writer, set *filter.Set) error {
	for i := range set.Rules {
		r := &set.Rules[i]
		mask := 0xff
		if r.AnyProtocol {
			mask = 0
		}
		_, err := fmt.Fprintf(w, "@%s\t%s\t%d : %d\t%d : %d\t0x%02x/0x%02x\n", r.Src, r.Dst,
			r.SrcPorts.Min, r.SrcPorts.Max, r.DstPorts.Min, r.DstPorts.Max, r.Protocol, mask)
		if err != nil {
			return err
		}
	}
	return nil
}

// writeTrace writes packets as a ClassBench trace: addresses, ports and protocol as decimal numbers.
func writeTrace(w io.Writer, flows []filter.Flow) error {
	for _, f := range flows {
		p := &f.Packet
		_, err := fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\n", number4(p.Src.As4()), number4(p.Dst.As4()), p.SrcPort, p.DstPort, p.Protocol)
		if err != nil {
			return err
		}
	}
	return nil
}

var dpdkResult = regexp.MustCompile(`([0-9.]+) pkt/sec`)

func (r *runner) dpdkRate(ctx context.Context, path, rules, trace, algorithm string, rounds int) (float64, error) {
	ctx, stop := context.WithTimeout(ctx, dpdkTimeout)
	defer stop()
	out, err := exec.CommandContext(ctx, path, "--no-huge", "--no-pci", "--no-telemetry", "-m", "2048", "--force-max-simd-bitwidth=512", "-l", strconv.Itoa(r.CPU), "--",
		"--rulesf="+rules, "--tracef="+trace, "--tracestep=256", "--iter="+strconv.Itoa(rounds), "--alg="+algorithm, "--verbose=0").CombinedOutput()
	m := dpdkResult.FindSubmatch(out)
	if err != nil || m == nil {
		text := strings.TrimSpace(string(out))
		if i := strings.LastIndexByte(text, '\n'); i >= 0 {
			text = text[i+1:]
		}
		return 0, fmt.Errorf("dpdk-test-acl: %w: %s", errors.Join(err, errNoResult), text)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

var errNoResult = errors.New("no result")
