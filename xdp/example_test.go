package xdp_test

import (
	"context"
	"fmt"

	"rampart/engine/ir"
	"rampart/xdp"
)

// A backend that is off, the default, takes every program and does nothing.
func Example() {
	b, err := xdp.New(xdp.Config{Interfaces: []string{"eth0"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Close()
	receipt, err := b.Apply(context.Background(), &ir.Program{Generation: 1})
	fmt.Println(receipt.Generation, receipt.Objects, err)
	for _, line := range b.Report() {
		fmt.Println(line)
	}
	// Output:
	// 1 0 <nil>
	// eth0: nftables decides alone: no program yet
}
