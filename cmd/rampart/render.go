package main

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"rampart/conf"
	"rampart/engine/compile"
	"rampart/model"
	"rampart/model/store"
)

func newRenderCommand(e *env) *cobra.Command {
	var (
		files        []string
		node, config string
		explained    bool
		output       string
	)
	cmd := &cobra.Command{
		Use:   "render -f PATH",
		Short: "Print the nftables table that the policies compile to",
		Long: `Print, as nft text, the table that the daemon would load for the endpoints of one node. Nothing is loaded.

Settings that matter to the table (failsafe ports, the deny action, ...) come from the daemon's configuration when it is
given with --config, else they have their defaults. A host endpoint that names no interface is left out, because only the
host itself knows which interface has its addresses.

With --explain it is told instead what becomes of the rules: for each list of policies that endpoints have in common, how
many rules became how many look-ups, why, and what a packet is expected to cost. Times are those of the cost model that the
choice is made with; only their relations mean something on another machine.

Exit codes: 0 success; 1 the files are not valid, or exceed the limits of the configuration; 2 wrong usage.`,
		Example: `  rampart render -f policies/
  rampart render -f policies/ --node web-1 | nft --check -f -
  rampart render -f policies/ --config rampart.hcl --explain`,
		ValidArgsFunction: argumentWords(),
		Args: func(cmd *cobra.Command, args []string) error {
			if err := noArgs(cmd, args); err != nil {
				return err
			}
			if len(files) == 0 {
				return usagef("nothing to render; name files with -f")
			}
			if output == "json" && !explained {
				return usagef("-o json is for --explain; a table is nft text")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			daemon := conf.DefaultDaemon()
			if config != "" {
				var diags hcl.Diagnostics
				if daemon, diags = conf.LoadDaemon(config); daemon == nil {
					return fileErrors(e, diags, nil)
				}
			}
			resources, err := loadFiles(cmd.Context(), e, files)
			if err != nil {
				return err
			}
			if node == "" {
				node = daemon.Node
			}
			if node == "" {
				if node, err = onlyNode(resources); err != nil {
					return err
				}
			}
			view := store.ViewOf(resources...)
			p := compile.Compile(view, compile.Host{Node: node}, programOptions(daemon))
			if len(p.Endpoints) == 0 {
				fmt.Fprintf(e.stderr, "rampart: no endpoint is on node %s\n", node)
			}
			if explained {
				x, err := explain(p, daemon)
				if err != nil {
					return err
				}
				return x.write(e.stdout, output)
			}
			text, err := nftConfig(daemon).Render(p)
			if err != nil {
				return compile.Blame(err, view)
			}
			_, err = io.WriteString(e.stdout, text)
			return err
		},
	}
	fileFlag(cmd, &files)
	cmd.Flags().StringVar(&node, "node", "", "`NAME` of the node whose endpoints to render (default: the only one in the files, else the host name)")
	configFlag(cmd, &config)
	cmd.Flags().BoolVar(&explained, "explain", false, "tell what becomes of the rules, and why")
	outputFlag(cmd, &output, "text", "text", "json")
	return cmd
}

// onlyNode is the node of the endpoints if all are on one, else the host name.
func onlyNode(resources []model.Resource) (string, error) {
	var nodes []string
	for _, r := range resources {
		switch r := r.(type) {
		case *model.HostEndpoint:
			nodes = append(nodes, r.Spec.Node)
		case *model.WorkloadEndpoint:
			nodes = append(nodes, r.Spec.Node)
		}
	}
	slices.Sort(nodes)
	if nodes = slices.Compact(nodes); len(nodes) == 1 {
		return nodes[0], nil
	}
	return os.Hostname()
}
