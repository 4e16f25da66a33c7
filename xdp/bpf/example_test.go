package bpf_test

import (
	"fmt"
	"net/netip"

	"rampart/xdp/bpf"
)

// The key of a flow is the same whoever makes it.
func ExampleNewFlow() {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	there, back := bpf.NewFlow(a, b, 40000, 53, 17), bpf.NewFlow(b, a, 53, 40000, 17)
	fmt.Println(there.Version, there == bpf.NewFlow(a, b, 40000, 53, 17), there == back)
	// Output: 4 true false
}
