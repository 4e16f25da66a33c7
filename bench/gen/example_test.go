package gen_test

import (
	"fmt"

	"rampart/bench/gen"
)

func Example() {
	cfg := gen.DefaultConfig()
	world := gen.World(42, cfg)
	probes := gen.Probes(42, cfg, world, 100)
	again := gen.Probes(42, cfg, gen.World(42, cfg), 100)
	fmt.Println(len(probes), probes[99].Packet.String() == again[99].Packet.String())
	// Output: 100 true
}
