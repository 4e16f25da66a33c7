package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"rampart/bench/classbench"
	"rampart/bench/pktgen"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft"
	"rampart/nft/blocks"
	"rampart/nft/lower"
)

func (o *options) generated(counts []string) error {
	var loads []*load
	for _, c := range counts {
		n, err := strconv.Atoi(c)
		if err != nil {
			return err
		}
		filters := generate(n, 5)
		more, err := o.lookups(fmt.Sprintf("%d rules", n), filters)
		if err != nil {
			return err
		}
		loads = append(loads, more...)
		if o.linear && n <= 10000 {
			walk := loadOf(fmt.Sprintf("%d walked", n), filters, o.all)
			hand := *walk
			hand.name, hand.script = fmt.Sprintf("%d by hand", n), linear(filters)
			loads = append(loads, walk, &hand)
		}
	}
	for _, file := range strings.FieldsFunc(o.scripts, func(r rune) bool { return r == ',' }) {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		loads = append(loads, &load{name: filepath.Base(file), script: string(text), packets: loads[len(loads)-1].packets})
	}
	return o.run(loads)
}

func (o *options) classbench(dir string, sets []string) error {
	for _, s := range sets {
		filters, err := classbench.Open(filepath.Join(dir, s+".gz"))
		if err != nil {
			return err
		}
		filters = slices.DeleteFunc(filters, func(f classbench.Filter) bool { return !f.Forwardable() })
		loads, err := o.lookups(s+" first 10", filters[:10:10])
		if err != nil {
			return err
		}
		more, err := o.lookups(s, filters)
		if err != nil {
			return err
		}
		if err := o.run(append(loads[:1], more...)); err != nil {
			return err
		}
	}
	return nil
}

// lookups are the loads of filters with each set of costs.
func (o *options) lookups(name string, filters []classbench.Filter) ([]*load, error) {
	var out []*load
	l := loadOf("", filters, o.all)
	for _, set := range strings.Split(o.costs, ";") {
		c, err := costsOf(set)
		if err != nil {
			return nil, err
		}
		with := *l
		with.name, with.costs = strings.TrimSpace(name+" "+set), &c
		out = append(out, &with)
	}
	if o.plain {
		open := *l
		open.name, open.program = name+" all allowed", program([]*ir.Rule{{Action: model.Allow}})
		out = append(out, &open)
	}
	return out, nil
}

// costsOf is the default cost model with some values changed.
func costsOf(text string) (blocks.Costs, error) {
	c := blocks.DefaultCosts()
	for f := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' }) {
		name, value, _ := strings.Cut(f, "=")
		v, err := strconv.ParseFloat(value, 64)
		field := reflect.ValueOf(&c).Elem().FieldByName(name)
		if err != nil || !field.IsValid() {
			return c, fmt.Errorf("cost %q", f)
		}
		if field.Kind() == reflect.Int {
			field.SetInt(int64(v))
		} else {
			field.SetFloat(v)
		}
	}
	return c, nil
}

// run lowers the loads, brings them into force and measures them in turns.
func (o *options) run(loads []*load) error {
	for _, l := range loads {
		if err := o.lower(l); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	if o.dry {
		return nil
	}
	for _, l := range loads {
		if l.path != nil {
			defer l.path.close()
		}
	}
	for _, flows := range strings.Split(o.flows, ",") {
		n, err := strconv.Atoi(flows)
		if err != nil {
			return err
		}
		if err := o.measure(loads, n); err != nil {
			return err
		}
	}
	return nil
}

// lower lowers a load and brings it into force.
func (o *options) lower(l *load) (err error) {
	start := time.Now()
	if l.script == "" {
		if l.costs != nil {
			l.group = lower.BlocksExplained(*l.costs, func(r lower.Report) {
				if r.Version == 4 {
					l.report = r
				}
			})
		}
		low := lower.Lower(l.program, lower.Options{Group: l.group})
		took := time.Since(start)
		if err := low.Validate(); err != nil {
			return err
		}
		n, r := low.Size(), l.report
		l.size = n
		fmt.Printf("%-28s lowered in %4d ms: %d chains, %d rules, %d sets, %d elements", l.name, took.Milliseconds(), n.Chains, n.Rules, n.Sets, n.Elements)
		if r.List != "" {
			fmt.Printf(", expected %.0f ns, %d redundant, cuts %v into %v, %d pipapo, %d hash, %d plain", r.Expected, len(r.Redundant), r.Cuts, r.Regions, r.Boxes, r.Hash, r.Plain)
		}
		if o.text {
			fmt.Println()
			fmt.Println(low.Text())
		}
	}
	if o.dry {
		fmt.Println()
		if o.fit {
			l.fit(0)
		}
		return nil
	}
	if l.path, err = newPath(l.ports); err != nil {
		return err
	}
	if l.script != "" {
		return l.path.fw.Do(func() error {
			cmd := exec.Command("nft", "-f", "-")
			cmd.Stdin = strings.NewReader(l.script)
			out, err := cmd.CombinedOutput()
			if err != nil {
				return fmt.Errorf("nft: %w: %s", err, out[:min(len(out), 300)])
			}
			fmt.Printf("%-28s in force in %d ms\n", l.name, time.Since(start).Milliseconds())
			return nil
		})
	}
	b, err := nft.New(nft.Config{NetNS: l.path.fw.FD(), Group: l.group})
	if err != nil {
		return err
	}
	defer b.Close()
	start = time.Now()
	if _, err := b.Apply(context.Background(), l.program); err != nil {
		return err
	}
	fmt.Printf(", in force in %d ms\n", time.Since(start).Milliseconds())
	return nil
}

// fit prints what a packet goes through, beside what that took more than with the last load.
func (l *load) fit(extra float64) {
	w := &l.report.Work
	fmt.Printf("FIT extra %.0f hash %.2f array %.2f boxes %.2f hashmaps %.2f boxmaps %.2f fields %.2f groups %.2f lines %.2f alive %.2f rules %.2f elements %d allrules %d sets %d\n",
		extra, w.Hash, w.Array, w.Boxes, w.HashMaps, w.BoxMaps, w.Fields, w.Groups, w.Lines, w.Alive, w.Rules, l.size.Elements, l.size.Rules, l.size.Sets)
}

// measure sends n different packets through each load in turns, other ones each time as far as there are others.
func (o *options) measure(loads []*load, n int) error {
	ns := make([][]float64, len(loads))
	shares := make([]float64, len(loads))
	for round := range o.rounds {
		for i, l := range loads {
			parts := max(1, len(l.packets)/n)
			from := round % parts * n
			flows := make([]pktgen.Flow, 0, n)
			for _, p := range l.packets[from:min(from+n, len(l.packets))] {
				flows = append(flows, pktgen.Flow{Packet: p})
			}
			t, share, err := l.path.rate(flows, 40*time.Millisecond)
			if err != nil {
				return err
			}
			ns[i] = append(ns[i], t)
			shares[i] += share / float64(o.rounds)
		}
	}
	fmt.Printf("%d flows\n", n)
	for i, l := range loads {
		ratios := make([]float64, len(ns[i]))
		for k := range ratios {
			ratios[k] = ns[0][k] / ns[i][k]
		}
		slices.Sort(ratios)
		best := slices.Min(ns[i])
		fmt.Printf("  %-28s %6.0f ns a packet, best %6.0f, %.2f allowed; rate against the first %.3f (%.3f to %.3f), best %.3f\n",
			l.name, median(ns[i]), best, shares[i], ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1], slices.Min(ns[0])/best)
		if o.fit {
			l.fit(best - slices.Min(ns[len(loads)-1]))
		}
	}
	return nil
}

func median(x []float64) float64 {
	y := slices.Clone(x)
	slices.Sort(y)
	return y[len(y)/2]
}
