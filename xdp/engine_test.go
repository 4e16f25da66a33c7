package xdp_test

import (
	"rampart/engine"
	"rampart/xdp"
)

// What the engine can do with a backend it can do with this one. The packages know each other only here and in
// cmd/rampart.
var _ interface {
	engine.Backend
	engine.CounterReader
	engine.FlowWatcher
	engine.Clearer
	engine.Reporter
	engine.Holder
} = (*xdp.Backend)(nil)
