package nft

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/lower"
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
	// exposed is closed as soon as a table is in force that others can change.
	exposed chan struct{}
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
	// left is what rules and elements have counted that are gone, where nothing new has taken it over, by identifiers in use.
	left map[model.RuleID]ir.Counter
}

type prepared struct {
	program *ir.Program
	lowered *lower.Lowered
	// err is why the program cannot be taken, so that asking again costs nothing.
	err error
}

// ErrTableInUse says that another process owns the table: a second daemon.
var ErrTableInUse = errors.New("the nftables table belongs to another running process")

// ErrTooLarge says that a program needs more than the configuration or the kernel allows. The error is an ir.LimitError,
// which tells what is to blame.
var ErrTooLarge = ir.ErrTooLarge

// New opens a connection to nf_tables. It changes nothing.
func New(c Config) (*Backend, error) {
	conn, err := open(c.NetNS)
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	return &Backend{config: c.withDefaults(), conn: conn, group: -1, groupChanged: make(chan struct{}), exposed: make(chan struct{})}, nil
}

// bufferSize bounds a batch and the kernel's answers to it. It is a limit: the kernel allocates what is used.
const bufferSize = 512 << 20

// open makes a connection that lives as long as the backend: a table's owner is a socket.
func open(netns int) (*nftables.Conn, error) {
	return nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(netns), nftables.WithSockOptions(func(c *netlink.Conn) error {
		return errors.Join(c.SetWriteBuffer(bufferSize), c.SetReadBuffer(bufferSize), selectable(c))
	}))
}

// selectable tells whether the library can wait for the socket: it uses pselect(2), whose sets end at FD_SETSIZE, and panics
// when a descriptor is beyond. The kernel gives the lowest one that is free, so ours is low unless the process was started
// with many open; what is opened later does not matter.
func selectable(c *netlink.Conn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var beyond error
	err = raw.Control(func(fd uintptr) {
		if fd >= unix.FD_SETSIZE {
			beyond = fmt.Errorf("the process has too many files open: the socket is descriptor %d, and must be below %d", fd, unix.FD_SETSIZE)
		}
	})
	return errors.Join(err, beyond)
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

// lower lowers a program, once when Apply follows Check. Of what it takes from the program in force only the limits are
// checked again. The caller holds the lock.
func (b *Backend) lower(p *ir.Program) (*lower.Lowered, error) {
	if b.next.program == p {
		return b.next.lowered, b.next.err
	}
	var previous *lower.Lowered
	if b.state != nil {
		previous = b.state.lowered
	}
	l, err := b.config.lower(p, previous)
	b.next = prepared{p, l, err}
	return l, err
}

// find looks for a table of our name, nil when there is none.
func (b *Backend) find() (*nftables.Table, error) { return b.tableNamed(b.config.Table) }

func (b *Backend) tableNamed(name string) (*nftables.Table, error) {
	tables, err := b.conn.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		if t.Name == name {
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
