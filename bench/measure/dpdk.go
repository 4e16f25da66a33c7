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

// dpdkProgram is DPDK's own test program for its classifier.
const dpdkProgram = "dpdk-test-acl"

// dpdk measures DPDK's classifier on files of rules and packets.
type dpdk struct {
	c             report.Case
	dir           string
	rules, rounds int
	// missing says why there is nothing to measure.
	missing string
}

func (r *runner) newDPDK(c report.Case, set *filter.Set, flows []filter.Flow) (*dpdk, error) {
	d := &dpdk{c: c, rules: len(set.Rules), rounds: max(1, int(r.Duration.Seconds()*10e6)/len(flows))}
	if _, err := exec.LookPath(dpdkProgram); err != nil {
		d.missing = dpdkProgram + " is not installed"
		return d, nil
	}
	if c.Family == 6 {
		d.missing = dpdkProgram + " is given IPv4 only"
		return d, nil
	}
	var err error
	if d.dir, err = os.MkdirTemp(r.Options.Dir, "dpdk"); err != nil {
		return nil, err
	}
	if err := errors.Join(createFile(d.path("rules"), func(w io.Writer) error { return writeFilters(w, set) }),
		createFile(d.path("trace"), func(w io.Writer) error { return writeTrace(w, flows) })); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *dpdk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *dpdk) close() {
	if d.dir != "" {
		os.RemoveAll(d.dir)
	}
}

// measure runs the plain classifier, then the best that the processor has instructions for.
func (d *dpdk) measure(ctx context.Context, r *runner, names map[string]*sut.System) {
	for _, x := range []struct {
		name       string
		algorithms []string
	}{{dpdkName, []string{"scalar"}}, {dpdkBestName, []string{"avx512x32", "avx512x16", "avx2", "sse", "neon"}}} {
		if d.missing != "" {
			r.skip(names[x.name], fmt.Sprintf("IPv%d", d.c.Family), d.missing)
			continue
		}
		var rate float64
		var err error
		for _, a := range x.algorithms {
			if rate, err = d.rate(ctx, r.CPU, a); err == nil {
				break
			}
		}
		if err != nil {
			r.skip(names[x.name], fmt.Sprintf("%s of %d rules", d.c.Set, d.c.Rules), err.Error())
			continue
		}
		r.result(names[x.name], report.Lookups, d.c, "", rate)
	}
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

func (d *dpdk) rate(ctx context.Context, cpu int, algorithm string) (float64, error) {
	ctx, stop := context.WithTimeout(ctx, dpdkTimeout)
	defer stop()
	out, err := exec.CommandContext(ctx, dpdkProgram, "--no-huge", "--no-pci", "--no-telemetry", "-m", "2048", "--force-max-simd-bitwidth=512", "-l", strconv.Itoa(cpu), "--",
		"--rulesf="+d.path("rules"), "--rulenum="+strconv.Itoa(d.rules+1), "--tracef="+d.path("trace"), "--tracestep="+strconv.Itoa(lookupBatch),
		"--iter="+strconv.Itoa(d.rounds), "--alg="+algorithm, "--verbose=0").CombinedOutput()
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
