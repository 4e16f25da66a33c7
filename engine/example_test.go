package engine_test

import (
	"context"
	"fmt"
	"strings"

	"rampart/conf"
	"rampart/engine"
	"rampart/engine/ir"
)

// printer is a backend that prints the rules it is given, and then ends the example.
type printer struct{ done func() }

func (printer) Name() string                             { return "printer" }
func (printer) Check(context.Context, *ir.Program) error { return nil }
func (printer) Close() error                             { return nil }

func (b printer) Apply(_ context.Context, p *ir.Program) (engine.Receipt, error) {
	for _, policy := range p.Policies {
		for _, rule := range policy.Ingress {
			fmt.Println(policy.ID, rule.Action, rule.Origin)
		}
	}
	b.done()
	return engine.Receipt{Generation: p.Generation, Hash: p.Hash}, nil
}

func Example() {
	const policy = `
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: web, labels: {role: web}}
spec: {node: web-1, interfaceName: eth0}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: https}
spec:
  selector: role == 'web'
  ingress:
    - {action: Allow, protocol: TCP, destination: {ports: [443]}}
`
	ctx, stop := context.WithCancel(context.Background())
	e, err := engine.New(engine.Config{
		Node:     "web-1",
		Sources:  []engine.Source{conf.FilesWith(conf.FileOptions{Stdin: strings.NewReader(policy)}, "-")},
		Backends: []engine.Backend{printer{stop}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := e.Run(ctx); err != nil {
		fmt.Println(err)
	}
	// Output: GlobalNetworkPolicy/https Allow <stdin>:13
}
