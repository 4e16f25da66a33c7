package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rampart/engine/ir"
)

// Config is what an Engine needs. It must not be changed once given to New.
type Config struct {
	Version string
	Node    string
	Options ir.Options
	// Sources in order of precedence: of two resources with one key, that of the earlier source counts.
	Sources []Source
	// Backends: the first is the authority, the others make it faster. There must be one. The engine closes them.
	Backends []Backend
	// Links tells the addresses of interfaces, for host endpoints given by expectedIPs; nil when that is not needed.
	Links Links
	// Connections ends open connections that a new program denies; nil leaves them open.
	Connections Connections
	// StateDir keeps the last good bundles and the generation; "" keeps nothing.
	StateDir string
	// ClearOnExit takes everything out of force when the engine stops. By default it stays in force.
	ClearOnExit bool
	// BootTimeout is how long a source that does not answer holds up the use of its saved bundle; 10 s when zero.
	BootTimeout time.Duration
	// Review returns warnings about a program before it is put in force; nil reviews nothing.
	Review func(*ir.Program) []string
	// Notify sends a message to the service manager (sd_notify(3)); nil when there is none. Watchdog is the interval the
	// service manager expects to hear in, 0 when it does not.
	Notify   func(string)
	Watchdog time.Duration
	// Rest is called whenever the engine has nothing to do, as far as it knows, after it had. It must return at once. nil
	// does nothing.
	Rest func()
	// RuleSeries bounds how many rules have metrics of their own.
	RuleSeries int
	// Collectors have metrics that are served beside the engine's own.
	Collectors []prometheus.Collector
	Logger     *slog.Logger
}

const defaultBootTimeout = 10 * time.Second

// check fills in defaults and reports everything that is wrong.
func (c *Config) check() error {
	var errs []error
	if len(c.Backends) == 0 {
		errs = append(errs, errors.New("no backend"))
	}
	if len(c.Sources) == 0 {
		errs = append(errs, errors.New("no source of policies"))
	}
	if c.Node == "" {
		errs = append(errs, errors.New("no node name"))
	}
	seen := map[string]bool{}
	for _, s := range c.Sources {
		if seen[s.Name()] {
			errs = append(errs, fmt.Errorf("source %s is given twice", s.Name()))
		}
		seen[s.Name()] = true
	}
	if c.BootTimeout == 0 {
		c.BootTimeout = defaultBootTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Rest == nil {
		c.Rest = func() {}
	}
	if c.Notify == nil {
		c.Notify = func(string) {}
	}
	return errors.Join(errs...)
}
