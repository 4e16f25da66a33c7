package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"rampart/bench/filter"
	"rampart/bench/lab"
	"rampart/bench/rig"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model/store"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

type options struct {
	copies, rounds, flows int
	seed                  uint64
}

func main() {
	var o options
	rules := flag.String("rules", "10,100,1000", "numbers of rules, comma separated")
	ways := flag.String("lowering", "Rules,Lookups", "lowerings, comma separated")
	flag.IntVar(&o.copies, "copies", 4, "how often each variant is loaded")
	flag.IntVar(&o.rounds, "rounds", 15, "repetitions in turns")
	flag.IntVar(&o.flows, "flows", 4096, "different packets")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the rules")
	flag.Parse()
	for _, way := range strings.Split(*ways, ",") {
		for _, n := range strings.Split(*rules, ",") {
			if err := o.compare(way, n); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}
}

// path is a rig with a ruleset and what is sent through it.
type path struct {
	counted bool
	*rig.Rig
	*rig.Sender
	ns []float64
}

// compare measures one number of rules in one lowering.
func (o *options) compare(way, number string) (err error) {
	n, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	group := lower.Walk
	if way == "Lookups" {
		group = lower.Blocks
	}
	set, err := filter.Generate("acl", 4, n, o.seed)
	if err != nil {
		return err
	}
	flows, err := filter.NewScanner(set).Flows(filter.PlaceAny, filter.TrafficMixed, o.flows, o.seed)
	if err != nil {
		return err
	}
	p := compile.Compile(store.ViewOf(set.Resources()...), compile.Host{Node: filter.Node}, ir.Options{})
	l := lower.Lower(p, lower.Options{Group: group})
	world, err := lab.New()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	var paths []*path
	for i := range o.copies {
		for _, counted := range []bool{true, false} {
			x := &path{counted: counted}
			paths = append(paths, x)
			if x.Rig, err = rig.New(world, fmt.Sprintf("p%d%v", i, counted), 0); err != nil {
				return err
			}
			defer x.Rig.Close()
			text := l.Text()
			if !counted {
				text = uncounted(l.Ruleset).Text()
			}
			if _, err := x.Firewall.Run(context.Background(), text, "nft", "-f", "-"); err != nil {
				return err
			}
			if x.Sender, err = x.Rig.Sender(rig.Stream{Flows: flows, Size: 80, CPU: 1, Realtime: true}); err != nil {
				return err
			}
			defer x.Sender.Close()
		}
	}
	if err := measure(paths, o.rounds); err != nil {
		return err
	}
	with, without := medians(paths, true), medians(paths, false)
	halves := func(list []float64) float64 { return mean(list[:len(list)/2]) / mean(list[len(list)/2:]) }
	fmt.Printf("%-8s %6d rules: with %6.0f ns, without %6.0f ns a packet, ratio %.3f (same against same %.3f and %.3f)\n",
		way, n, mean(with), mean(without), mean(with)/mean(without), halves(with), halves(without))
	return nil
}

// measure sends through all paths in turns.
func measure(paths []*path, rounds int) error {
	const batch = 20_000
	for round := range rounds + 1 {
		for _, x := range paths {
			c, err := x.Rig.Send(x.Sender, batch)
			switch {
			case err != nil:
				return err
			case c.Arrived != c.Want:
				return fmt.Errorf("%d of %d frames arrived", c.Arrived, c.Want)
			case round > 0: // the first is for warming up
				x.ns = append(x.ns, c.Quantile(0.25))
			}
		}
	}
	return nil
}

func medians(paths []*path, counted bool) []float64 {
	var out []float64
	for _, x := range paths {
		if x.counted == counted {
			slices.Sort(x.ns)
			out = append(out, x.ns[len(x.ns)/2])
		}
	}
	return out
}

func mean(list []float64) float64 {
	sum := 0.0
	for _, x := range list {
		sum += x
	}
	return sum / float64(len(list))
}

// uncounted is a ruleset without any counter.
func uncounted(rs *ruleset.Ruleset) *ruleset.Ruleset {
	out := &ruleset.Ruleset{Table: rs.Table}
	for _, s := range rs.Sets {
		plain := *s
		plain.Counters = false
		out.Sets = append(out.Sets, &plain)
	}
	for _, c := range rs.Chains {
		chain := *c
		chain.Rules = nil
		for _, r := range c.Rules {
			rule := *r
			rule.Statements = slices.DeleteFunc(slices.Clone(r.Statements), func(st ruleset.Statement) bool {
				_, is := st.(ruleset.Counter)
				return is
			})
			chain.Rules = append(chain.Rules, &rule)
		}
		out.Chains = append(out.Chains, &chain)
	}
	return out
}
