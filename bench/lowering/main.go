package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
)

// options are the command line.
type options struct {
	rounds                                                   int
	dry, text, linear, all, plain, fit                       bool
	costs, flows, data, sets, rules, scripts, label, profile string
}

func main() {
	var o options
	flag.StringVar(&o.data, "data", os.Getenv("RAMPART_DATA"), "directory that holds classbench/")
	flag.StringVar(&o.sets, "sets", "", "ClassBench sets, comma separated; all for all of ten thousand rules")
	flag.StringVar(&o.rules, "rules", "", "numbers of generated rules, comma separated")
	flag.StringVar(&o.label, "labels", "", "numbers of policies that select endpoints and peers by label, comma separated; NxM: M of N select each endpoint")
	flag.IntVar(&o.rounds, "rounds", 9, "interleaved repetitions")
	flag.StringVar(&o.flows, "flows", "64,8192", "how many different packets to send, comma separated")
	flag.BoolVar(&o.all, "all", false, "send packets that are denied as well")
	flag.BoolVar(&o.linear, "linear", false, "also the same rules one after the other, by this lowering and as one writes them by hand")
	flag.StringVar(&o.scripts, "scripts", "", "files that nft(8) is to load, with the packets of the last of -rules, comma separated")
	flag.BoolVar(&o.plain, "plain", false, "also one rule for all the packets")
	flag.BoolVar(&o.dry, "dry", false, "lower only, do not load")
	flag.BoolVar(&o.text, "text", false, "print the ruleset")
	flag.StringVar(&o.costs, "costs", "", "sets of cost settings to compare: name=value,...;name=value,...")
	flag.BoolVar(&o.fit, "fit", false, "print what a packet goes through, to fit the cost model to")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a profile of the lowering")
	flag.Parse()
	if o.data == "" {
		o.data = filepath.Join("..", "shared", "data")
	}
	if err := o.main(); err != nil {
		fmt.Fprintln(os.Stderr, "lowering:", err)
		os.Exit(1)
	}
}

func (o *options) main() error {
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if o.rules != "" {
		if err := o.generated(strings.Split(o.rules, ",")); err != nil {
			return err
		}
	}
	if o.label != "" {
		if err := o.labels(strings.Split(o.label, ",")); err != nil {
			return err
		}
	}
	if o.sets == "" {
		return nil
	}
	list := strings.Split(o.sets, ",")
	if o.sets == "all" {
		list = nil
		files, _ := filepath.Glob(filepath.Join(o.data, "classbench", "*_10k.gz"))
		for _, f := range files {
			list = append(list, strings.TrimSuffix(filepath.Base(f), ".gz"))
		}
	}
	return o.classbench(filepath.Join(o.data, "classbench"), list)
}
