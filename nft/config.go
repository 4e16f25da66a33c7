package nft

import (
	"cmp"
	"log/slog"

	"rampart/nft/lower"
)

// Config configures a Backend. The zero Config works: the current network namespace and the defaults of package lower.
type Config struct {
	// NetNS is a file descriptor of a network namespace, 0 for the current one.
	NetNS int
	// Table is the table's name.
	Table string
	// Mark is the packet mark bit for untracked and preDNAT policies; see lower.Options.
	Mark uint32
	// Logger gets what is worth telling; nil discards.
	Logger *slog.Logger
	// Limits bound what Check and Apply accept.
	Limits Limits
	// Shared leaves the table open to changes by other programs, even where the kernel could prevent them.
	Shared bool
	// Group lowers groups; nil is lower.Walk.
	Group lower.GroupFunc
}

func (c Config) withDefaults() Config {
	c.Table = cmp.Or(c.Table, lower.DefaultTable)
	c.Limits = c.Limits.withDefaults()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c *Config) lowering() lower.Options {
	return lower.Options{Table: c.Table, Mark: c.Mark, Group: c.Group}
}
