package nft

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"

	"rampart/engine/ir"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// Backend keeps one table in the kernel equal to the last program given to Apply. Its methods may be called from several
// goroutines; they run one at a time, except the watchers.
type Backend struct {
	config Config

	mu   sync.Mutex
	conn *nftables.Conn
	// state is what we know to be in the kernel, nil before the first Apply and whenever that is in doubt.
	state *state
	// next is the last program that was lowered and not yet applied.
	next prepared
	// owned tells whether the kernel lets nobody else change our table.
	owned ownership
	// watching tells that foreign changes are being watched for; drifted that one was seen since the last commit.
	watching, drifted bool
	// group is the NFLOG group of the program in force, -1 when nothing logs.
	group        int
	groupChanged chan struct{}
}

// state is a shadow of the kernel's table: reading a large set back takes longer than loading it.
type state struct {
	lowered *lower.Lowered
	// handles are the kernel's names of the rules, by chain and position.
	handles map[string][]uint64
	// generation is the kernel's ruleset generation right after our last commit.
	generation uint32
	// owner is the netlink port that owns the table, 0 when anybody may change it.
	owner uint32
}

type prepared struct {
	program *ir.Program
	lowered *lower.Lowered
}

// ErrTableInUse says that another process owns the table: a second daemon.
var ErrTableInUse = errors.New("the nftables table belongs to another running process")

// ErrTooLarge says that a program needs more rules or elements than the configuration allows.
var ErrTooLarge = errors.New("the ruleset is too large")

// New opens a connection to nf_tables. It changes nothing.
func New(c Config) (*Backend, error) {
	conn, err := open(c.NetNS)
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	return &Backend{config: c.withDefaults(), conn: conn, group: -1, groupChanged: make(chan struct{})}, nil
}

// bufferSize bounds a batch and the kernel's answers to it. It is a limit: the kernel allocates what is used.
const bufferSize = 512 << 20

// open makes a connection that lives as long as the backend: a table's owner is a socket.
func open(netns int) (*nftables.Conn, error) {
	return nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(netns), nftables.WithSockOptions(func(c *netlink.Conn) error {
		return errors.Join(c.SetWriteBuffer(bufferSize), c.SetReadBuffer(bufferSize))
	}))
}

// Name implements engine.Backend.
func (b *Backend) Name() string { return "nft" }

// Close gives the connection up. The table stays in force.
func (b *Backend) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.conn.CloseLasting()
}

// Check lowers the program and tells whether the kernel could take it. It does not speak to the kernel.
func (b *Backend) Check(_ context.Context, p *ir.Program) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.lower(p)
	return err
}

// lower lowers a program, once when Apply follows Check. Of what it takes from the program in force only the bounds are
// checked again. The caller holds the lock.
func (b *Backend) lower(p *ir.Program) (*lower.Lowered, error) {
	if b.next.program == p {
		return b.next.lowered, nil
	}
	o := b.config.lowering()
	var known *ruleset.Ruleset
	if b.state != nil {
		o.Previous = b.state.lowered
		known = b.state.lowered.Ruleset
	}
	l := lower.Lower(p, o)
	err := l.ValidateAfter(known)
	if errors.Is(err, ruleset.ErrTooDeep) {
		// Lists of rules that go on with other lists nest deeper than the plain walk through tiers.
		b.config.Logger.Warn("policies pass through too many tiers, rules are not gathered into maps", "error", err)
		o.Group, o.Previous = lower.Walk, nil
		l = lower.Lower(p, o)
		err = l.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("lowering to nftables: %w", err)
	}
	if err := b.bounds(l); err != nil {
		return nil, err
	}
	b.next = prepared{p, l}
	return l, nil
}

// bounds holds a table against the configured limits.
func (b *Backend) bounds(l *lower.Lowered) error {
	switch n := l.Size(); {
	case n.Elements > b.config.MaxElements:
		largest := l.Sets[0]
		for _, s := range l.Sets {
			if len(s.Elements) > len(largest.Elements) {
				largest = s
			}
		}
		return fmt.Errorf("%w: %d set elements, at most %d are allowed; the largest set is %s (%s) with %d",
			ErrTooLarge, n.Elements, b.config.MaxElements, largest.Name, largest.Comment, len(largest.Elements))
	case n.Rules > b.config.MaxRules:
		longest := l.Chains[0]
		for _, c := range l.Chains {
			if len(c.Rules) > len(longest.Rules) {
				longest = c
			}
		}
		return fmt.Errorf("%w: %d rules, at most %d are allowed; the longest chain is %s (%s) with %d",
			ErrTooLarge, n.Rules, b.config.MaxRules, longest.Name, longest.Note, len(longest.Rules))
	}
	return nil
}

// find looks for a table of our name, nil when there is none.
func (b *Backend) find() (*nftables.Table, error) {
	tables, err := b.conn.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		if t.Name == b.config.Table {
			return t, nil
		}
	}
	return nil, nil
}

// Clear deletes the table. Without one it does nothing.
func (b *Backend) Clear(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = nil
	if _, err := b.removeHandover(); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	t, err := b.find()
	if err != nil || t == nil {
		return err
	}
	if _, err := b.claim(t); err != nil {
		return err
	}
	b.conn.DelTable(t)
	if err := b.conn.Flush(); err != nil {
		return fmt.Errorf("nftables: delete table %s: %w", t.Name, err)
	}
	return nil
}
