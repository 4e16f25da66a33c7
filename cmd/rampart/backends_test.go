package main

import (
	"rampart/engine"
	"rampart/xdp"
)

// What the engine can do with a backend it can do with the fast path. The packages know each other only here.
var _ interface {
	engine.Backend
	engine.CounterReader
	engine.FlowWatcher
	engine.Clearer
	engine.Reporter
	engine.Holder
} = (*xdp.Backend)(nil)
