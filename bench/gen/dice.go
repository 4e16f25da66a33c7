package gen

import (
	"math/rand/v2"
	"net/netip"

	"rampart/model"
)

// dice is the source of chance of one world or one list of probes.
type dice struct {
	*rand.Rand
	cfg  Config
	pool []netip.Addr
	line int
}

// Streams of one seed that must not depend on each other.
const (
	streamWorld = iota + 1
	streamProbes
)

func newDice(seed, stream uint64, cfg Config) *dice {
	return &dice{Rand: rand.New(rand.NewPCG(seed, stream)), cfg: cfg, pool: cfg.pool()}
}

// chance is true in n of 100 cases.
func (d *dice) chance(n int) bool { return d.IntN(100) < n }

// one picks an item.
func one[T any](d interface{ IntN(int) int }, items ...T) T { return items[d.IntN(len(items))] }

// some picks up to n items, at least one, perhaps the same twice.
func some[T any](d *dice, n int, items []T) []T {
	out := make([]T, 0, n)
	for range 1 + d.IntN(n) {
		out = append(out, one(d, items...))
	}
	return out
}

// origin gives everything a place of its own, so that tests see when a verdict names the wrong one.
func (d *dice) origin() model.Origin {
	d.line++
	return model.Origin{File: "world", Line: d.line}
}

// net is a prefix round an address of the pool, of the family (4 or 6): often one that others nest in.
func (d *dice) net(family int) netip.Prefix {
	for range 100 {
		a := one(d, d.pool...)
		if (family == 4) != a.Is4() {
			continue
		}
		bits := one(d, 0, 1, 8, 15, 16, 24, 25, 30, 31, 32, 32)
		if family == 6 {
			bits = one(d, 0, 1, 16, 32, 48, 64, 112, 126, 127, 128, 128)
		}
		if d.chance(15) {
			a = one(d, a.Next(), a.Prev())
		}
		if p, err := a.Prefix(bits); err == nil {
			return p
		}
	}
	if family == 4 {
		return netip.MustParsePrefix("198.51.100.0/24")
	}
	return netip.MustParsePrefix("2001:db8:ffff::/48")
}

// nets are up to n prefixes; without catch-alls, which the model refuses where they are negated.
func (d *dice) nets(n, family int, catchAll bool) []netip.Prefix {
	var out []netip.Prefix
	for len(out) == 0 {
		for range 1 + d.IntN(n) {
			if p := d.net(family); catchAll || p.Bits() > 0 {
				out = append(out, p)
			}
		}
	}
	return out
}
