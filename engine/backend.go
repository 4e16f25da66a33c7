package engine

import (
	"context"

	"rampart/engine/ir"
	"rampart/model"
)

// Receipt says what a backend has put in force.
type Receipt = ir.Receipt

// Backend puts one compiled program into force. Apply is all-or-nothing: on error the previous program stays in force.
//
// The engine never calls two methods of one backend at the same time, except those of DriftWatcher and FlowWatcher,
// which run for as long as the daemon does, and CounterName.
type Backend interface {
	// Name is short and fixed: "nft", "xdp".
	Name() string
	// Check tells whether Apply could succeed. It changes nothing.
	Check(ctx context.Context, p *ir.Program) error
	// Apply puts p in force, whatever is there: on the first call it adopts or replaces what an earlier process left,
	// and with a program already in force it repairs what others have changed.
	Apply(ctx context.Context, p *ir.Program) (Receipt, error)
	// Close releases the backend's resources and leaves the program in force.
	Close() error
}

// CounterReader is a backend that counts what each rule matches. A counter may fall back to zero when the backend
// rebuilds a rule; the engine adds up what was counted before.
type CounterReader interface {
	Counters(ctx context.Context) (map[model.RuleID]ir.Counter, error)
}

// CounterNamer is a CounterReader whose counters are not all rules: it counts defaults and built-in rules too.
type CounterNamer interface {
	// CounterName says what a counter of the program in force counts, "" when that is unknown.
	CounterName(id model.RuleID) string
}

// DriftWatcher is a backend that notices when others change what it has put in force.
type DriftWatcher interface {
	// WatchDrift calls drifted, with a few words on what was seen, each time someone else changed the backend's
	// objects. It returns when ctx is done or when it can watch no longer.
	WatchDrift(ctx context.Context, drifted func(what string)) error
}

// FlowWatcher is a backend that reports packets.
type FlowWatcher interface {
	// WatchFlows calls flow for each packet, one at a time. It returns when ctx is done or when it can watch no longer.
	WatchFlows(ctx context.Context, flow func(ir.Flow)) error
}

// Clearer is a backend that can take everything of its own out of force.
type Clearer interface {
	Clear(ctx context.Context) error
}

// Reporter is a backend that tells people, a line each, how it does its work: on which interfaces, what limits it. The
// engine may ask at any time.
type Reporter interface {
	Report() []string
}

// Holder is a backend beside the authority that must not decide by an old program while the authority changes to a new one.
type Holder interface {
	// Hold gets ready for p and then leaves every packet to the authority until the next Apply. When it returns, no packet
	// is being decided any more.
	Hold(ctx context.Context, p *ir.Program) error
}
