package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"rampart/bench/daemon"
	"rampart/bench/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns 0 when every packet fared as the policy says, 1 when not, 2 for a wrong command line.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	binary := flags.String("rampart", "bin/rampart", "the `binary` to run")
	examples := flags.String("examples", "examples", "the `directory` that holds sample/hcl and sample/yaml")
	patience := flags.Duration("patience", 10*time.Second, "how long to wait for an answer that should come")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	wrong := 0
	for _, format := range []string{"hcl", "yaml"} {
		policy := filepath.Join(*examples, "sample", format)
		fmt.Fprintf(stdout, "\n%s run --node %s -f %s\n\n", *binary, node, policy)
		results, err := demonstrate(ctx, *binary, policy, *patience)
		if err != nil {
			fmt.Fprintf(stderr, "demo: %v\n", err)
			return 1
		}
		wrong += writeTable(stdout, results)
	}
	if wrong > 0 {
		fmt.Fprintf(stderr, "demo: %d packets fared otherwise than the policy says\n", wrong)
		return 1
	}
	fmt.Fprintln(stdout, "\nEvery packet fared as the policy says, from HCL and from YAML.")
	return 0
}

// node is the node of the sample's endpoints.
const node = "demo"

// demonstrate runs the daemon on one form of the policy and tries everything.
func demonstrate(ctx context.Context, binary, policy string, patience time.Duration) (results []result, err error) {
	binary, err = filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	l, err := lab.New()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	net, err := build(l, patience)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "rampart-demo-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	d, err := daemon.Start(daemon.Config{
		Binary: binary, Namespace: net.firewall(), Dir: dir, Policy: []string{policy}, Node: node,
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Kill()) }()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := d.Ready(ctx); err != nil {
		return nil, err
	}
	return net.try(ctx, attempts())
}
