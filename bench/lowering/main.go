package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
)

func main() {
	var (
		data    = flag.String("data", os.Getenv("RAMPART_DATA"), "directory that holds classbench/")
		sets    = flag.String("sets", "", "ClassBench sets, comma separated; all for all")
		rules   = flag.String("rules", "", "numbers of generated rules, comma separated")
		rounds  = flag.Int("rounds", 9, "interleaved repetitions")
		dry     = flag.Bool("dry", false, "lower only, do not load")
		text    = flag.Bool("text", false, "print the ruleset")
		linear  = flag.Bool("linear", false, "also the linear lowering of generated rules, up to 1000")
		costs   = flag.String("costs", "", "sets of cost settings to compare on generated rules: name=value,...;name=value,...")
		flows   = flag.Int("flows", 8192, "different packets to send")
		fit     = flag.Bool("fit", false, "print what a packet goes through, to fit the cost model to")
		plain   = flag.Bool("plain", false, "also one rule for all the packets of generated rules")
		profile = flag.String("cpuprofile", "", "write a profile of the lowering")
	)
	flag.Parse()
	o := options{rounds: *rounds, dry: *dry, text: *text, linear: *linear, costs: *costs, flows: *flows, plain: *plain, fit: *fit}
	if *data == "" {
		*data = "../shared/data"
	}
	var err error
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	if *rules == "micro" {
		if err := micro(); err != nil {
			fmt.Println(err)
		}
		return
	}
	if *rules != "" {
		err = o.generated(strings.Split(*rules, ","))
	}
	if *sets != "" && err == nil {
		list := strings.Split(*sets, ",")
		if *sets == "all" {
			list = nil
			files, _ := filepath.Glob(filepath.Join(*data, "classbench", "*_10k.gz"))
			for _, f := range files {
				list = append(list, strings.TrimSuffix(filepath.Base(f), ".gz"))
			}
		}
		err = o.classbench(filepath.Join(*data, "classbench"), list)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
