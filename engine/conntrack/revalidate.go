package conntrack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"

	"rampart/engine/ir"
)

// DefaultMark is the bit of the connection mark that says that a connection is cut.
const DefaultMark = 1 << 28

// Config configures a Revalidator.
type Config struct {
	// Keep names connections that are never cut, by their two ends in either order; nil names none.
	Keep func(protocol uint8, a, b netip.AddrPort) bool
	// Logger gets a line for each connection that is cut, at level debug; nil discards.
	Logger *slog.Logger
}

// Revalidator cuts open connections that the program in force denies and an earlier one allowed.
type Revalidator struct{ config Config }

// New makes a Revalidator. It fails when the connection table cannot be reached.
func New(c Config) (*Revalidator, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Keep == nil {
		c.Keep = func(uint8, netip.AddrPort, netip.AddrPort) bool { return false }
	}
	t, err := openTable()
	if err != nil {
		return nil, err
	}
	defer t.close()
	if err := t.probe(); err != nil {
		return nil, err
	}
	return &Revalidator{c}, nil
}

// Revalidate takes programs in the order in which they were in force; the last one is so now. Connections that it denies
// and one of the others allowed are cut; connections cut before that it allows are restored. With one program nothing is
// cut.
func (r *Revalidator) Revalidate(ctx context.Context, programs []*ir.Program) (ir.Cuts, error) {
	if len(programs) == 0 || programs[len(programs)-1].Options.CutMark == 0 {
		return ir.Cuts{}, nil
	}
	t, err := openTable()
	if err != nil {
		return ir.Cuts{}, err
	}
	defer t.close()
	where, err := newAtlas()
	if err != nil {
		return ir.Cuts{}, err
	}
	defer where.close()
	v := r.review(programs, where)
	if err := t.each(ctx, v.visit); err != nil {
		return v.cuts, err
	}
	v.related()
	return v.cuts, v.mark(ctx, t)
}

// review is one pass over the connection table.
type review struct {
	*Revalidator
	bit     uint32
	where   *atlas
	now     *judge
	changes []*change
	// fates are the connections that are cut, now or before (true), or restored (false); children those that another one
	// has announced.
	fates    map[tuple]bool
	children []child
	marks    []mark
	cuts     ir.Cuts
}

type child struct {
	mark
	master tuple
	marked bool
}

// mark is a change of one connection's mark.
type mark struct {
	name   []byte
	family uint8
	on     bool
	text   string
	by     string
}

func (r *Revalidator) review(programs []*ir.Program, where *atlas) *review {
	last := len(programs) - 1
	v := &review{
		Revalidator: r, bit: programs[last].Options.CutMark, where: where, now: newJudge(programs[last]), fates: map[tuple]bool{},
	}
	for _, p := range programs[:last] {
		v.changes = append(v.changes, newChange(newJudge(p), v.now))
	}
	return v
}

// visit judges one connection.
func (v *review) visit(f *flow) {
	v.cuts.Tracked++
	if f.closed() {
		return
	}
	marked := f.mark&v.bit != 0
	if f.master.valid() {
		v.children = append(v.children, child{v.markOf(f, !marked, ""), f.master, marked})
		return
	}
	from, to := v.where.find(f.orig.src), v.where.find(f.reply.src)
	if !from.known || !to.known || from.local && to.local {
		return
	}
	if !marked && !v.changed(from, to) {
		return
	}
	var by string
	denied := false
	if !v.now.failsafe(f, from, to) && !v.keep(f) {
		by, denied = v.now.denies(f, from, to)
	}
	switch {
	case denied && marked:
		v.fates[f.orig] = true
	case denied && v.allowed(f, from, to):
		v.fates[f.orig] = true
		v.marks = append(v.marks, v.markOf(f, true, by))
	case marked && !denied:
		v.fates[f.orig] = false
		v.marks = append(v.marks, v.markOf(f, false, ""))
	}
}

func (v *review) keep(f *flow) bool {
	a, b := netip.AddrPortFrom(f.orig.src, f.orig.sport), netip.AddrPortFrom(f.reply.src, f.reply.sport)
	return v.config.Keep(f.orig.protocol, a, b)
}

// changed tells whether any change concerns the connection.
func (v *review) changed(from, to place) bool {
	for _, c := range v.changes {
		if c.at(from.iface) || c.at(to.iface) {
			return true
		}
	}
	return false
}

// allowed tells whether an earlier program would have let the connection begin.
func (v *review) allowed(f *flow, from, to place) bool {
	for _, c := range v.changes {
		if !c.at(from.iface) && !c.at(to.iface) {
			continue // as now
		}
		if _, denied := c.old.denies(f, from, to); !denied {
			return true
		}
	}
	return false
}

// related gives the connections that others have announced the fate of those.
func (v *review) related() {
	for _, c := range v.children {
		if cut, known := v.fates[c.master]; known && cut != c.marked {
			c.by = "the connection that it belongs to"
			v.marks = append(v.marks, c.mark)
		}
	}
}

func (v *review) markOf(f *flow, on bool, by string) mark {
	p := f.routed()
	return mark{name: f.name, family: f.family, on: on, text: p.String(), by: by}
}

// mark changes the marks. Connections that have ended in the meantime do not count.
func (v *review) mark(ctx context.Context, t *table) error {
	var errs []error
	for _, m := range v.marks {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(errs, err)...)
		}
		found, err := t.setMark(m.name, m.family, v.bit, m.on)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("marking %s: %w", m.text, err))
			if len(errs) == maxErrors {
				return errors.Join(errs...)
			}
		case !found:
		case m.on:
			v.cuts.Cut++
			v.config.Logger.Debug("open connection cut", "connection", m.text, "denied_by", m.by)
			if len(v.cuts.Examples) < maxExamples {
				v.cuts.Examples = append(v.cuts.Examples, fmt.Sprintf("%s, denied by %s", m.text, m.by))
			}
		default:
			v.cuts.Restored++
			v.config.Logger.Debug("connection no longer cut", "connection", m.text)
		}
	}
	return errors.Join(errs...)
}

const (
	// maxErrors is after how many failures the rest is not tried.
	maxErrors = 5
	// maxExamples is how many connections are named in a result.
	maxExamples = 3
)
