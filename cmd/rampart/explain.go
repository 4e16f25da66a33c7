package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"rampart/model"
)

// explainFlags are the options of the explain command.
type explainFlags struct {
	files  []string
	hook   string
	probes string
	output string
	engine string
}

func newExplainCommand(e *env) *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain -f PATH ENDPOINT ingress|egress PACKET",
		Short: "Tell what the policies do with a packet, and why",
		Long: `Tell what the policies do with a packet, and why: the walk through tiers, policies and rules, the first condition that
kept each rule from matching, and the verdict, all with file and line.

ENDPOINT is Kind/namespace/name or Kind/name; a short name will do if only one endpoint has it: the endpoint's name, its
pod, or its interface. A packet is the first of a connection, seen at that endpoint in that direction, as in
  tcp 10.0.0.1:40000 > 10.0.0.3:6379        udp [2001:db8::1]:5353 > [2001:db8::2]:53
  icmp 10.0.0.1 > 10.0.0.3 type 8 code 0    proto 47 10.0.0.1 > 10.0.0.3
  tcp 10.0.0.1 > 10.0.0.3 fragment          tcp 10.0.0.1:40000 > 10.0.0.3:80 http GET /index.html
Only policy is asked: not failsafe ports, connection tracking or anti-spoofing, which surround it.

Verdicts are allow, deny, and continue where a hook without default leaves the packet to the next one.

In bulk, --probes reads one JSON object a line and writes one for each, in the same order:
  {"id":"1","endpoint":"WorkloadEndpoint/prod/node1-k8s-db-eth0","direction":"ingress","hook":"normal",
   "packet":{"src":"10.0.0.1","dst":"10.0.0.3","protocol":6,"sport":40000,"dport":6379}}
  {"id":"1","verdict":"allow","decidedBy":"default/NetworkPolicy:prod/a[0]","logged":[],"origin":"policy.yaml:12"}
A line that cannot be answered yields {"id":...,"error":"..."}; the others are answered all the same.

Exit codes: 0 every probe was answered, whatever the verdict; 1 some was not, or the files are wrong; 2 wrong usage.`,
		Example: `  rampart explain -f policies/ node1-k8s-db-eth0 ingress "tcp 10.0.0.1:40000 > 10.0.0.3:6379"
  rampart explain -f policies/ HostEndpoint/web egress "udp 10.0.0.9:5353 > 8.8.8.8:53" --hook untracked -o json
  rampart explain -f policies/ --probes probes.ndjson -o ndjson`,
		ValidArgsFunction: argumentWords(nil, []string{"ingress", "egress"}),
		Args:              func(_ *cobra.Command, args []string) error { return f.check(args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := loadExplainWorld(cmd.Context(), e, f.files, f.engine)
			if err != nil {
				return err
			}
			if f.probes != "" {
				return explainBulk(e, w, f.probes)
			}
			return f.one(e, w, args)
		},
	}
	fileFlag(cmd, &f.files)
	wordFlag(cmd, &f.hook, "hook", "hook", "", "normal", "`HOOK` of a host endpoint: normal, forward, preDNAT or untracked",
		"normal", "forward", "preDNAT", "untracked")
	cmd.Flags().StringVar(&f.probes, "probes", "", "answer the probes in `FILE`, or on standard input if -")
	outputFlag(cmd, &f.output, "", "text", "json", "ndjson")
	wordFlag(cmd, &f.engine, "engine", "engine", "", "compiled", "`EVALUATOR`: compiled, or oracle, which reads the resources without compiling them",
		"compiled", "oracle")
	return cmd
}

// check refuses what no file could make right.
func (f *explainFlags) check(args []string) error {
	usage := func(format string, a ...any) error { return &usageError{fmt.Errorf(format, a...)} }
	if len(f.files) == 0 {
		return usage("nothing to explain with; name files with -f")
	}
	if f.probes != "" {
		switch {
		case len(args) > 0:
			return usage("explain takes one probe as arguments or many with --probes, not both")
		case f.output != "" && f.output != "ndjson":
			return usage("--probes writes ndjson, not %s", f.output)
		case f.probes == "-" && slices.Contains(f.files, "-"):
			return usage("standard input cannot be both the resources and the probes")
		}
		return nil
	}
	if len(args) != 3 {
		return usage(`explain needs ENDPOINT, ingress or egress, and a packet in quotes ("tcp 10.0.0.1:40000 > 10.0.0.3:6379")`)
	}
	if f.output == "ndjson" {
		return usage("-o ndjson goes with --probes; one probe is answered as text or json")
	}
	if _, err := model.ParseDirection(args[1]); err != nil {
		return &usageError{err}
	}
	if _, err := model.ParsePacket(args[2]); err != nil {
		return &usageError{err}
	}
	return nil
}

func (f *explainFlags) one(e *env, w *explainWorld, args []string) (err error) {
	var pr model.Probe
	pr.Layer, _ = model.ParseLayer(f.hook)
	pr.Direction, err = model.ParseDirection(args[1])
	if err != nil {
		return err
	}
	if pr.Packet, err = model.ParsePacket(args[2]); err != nil {
		return err
	}
	if pr.Endpoint, err = w.names.find(args[0]); err != nil {
		return err
	}
	walk, err := w.explain(pr)
	if err != nil {
		return err
	}
	if f.output == "json" {
		enc := json.NewEncoder(e.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(walk)
	}
	if w.engine == engineOracle {
		return writeVerdict(e.stdout, walk)
	}
	if err := writeWalk(e.stdout, walk); err != nil {
		return err
	}
	return w.writePath(e.stdout, pr)
}
