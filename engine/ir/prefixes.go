package ir

import (
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"math/bits"
	"net/netip"
	"slices"
)

// Prefixes is an immutable, sorted list of distinct masked prefixes. It shares with the list it was made from by Edit
// whatever both have, so that a change of a list of a hundred thousand, and finding out what has changed, cost about as
// much as what changes. The zero value is empty.
//
// The list is cut into chunks behind certain prefixes, one in chunkSize, which a hash picks. So where it is cut depends on
// its members alone: equal lists have equal chunks, whatever came and went before.
type Prefixes struct {
	chunks []chunk
	n      int
}

// chunk is a part of a list. All but the last end with a prefix that closes.
type chunk struct {
	list []netip.Prefix
	sum  [16]byte // a hash of a list of at least minSum
}

// chunkSize is how long chunks are on average, minSum from what length on they have a sum. Most lists are one address.
const (
	chunkSize = 256
	minSum    = 16
)

// PrefixesOf is a list of the given prefixes, which may be in any order and repeat.
func PrefixesOf(list ...netip.Prefix) Prefixes {
	if !slices.IsSortedFunc(list, ComparePrefixes) {
		list = slices.Clone(list)
		slices.SortFunc(list, ComparePrefixes)
	}
	var w chunkWriter
	for i, x := range list {
		if i == 0 || x != list[i-1] {
			w.put(x)
		}
	}
	return w.list()
}

// Len is the number of prefixes.
func (p Prefixes) Len() int { return p.n }

// All iterates over the prefixes in order.
func (p Prefixes) All() iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		for i := range p.chunks {
			for _, x := range p.chunks[i].list {
				if !yield(x) {
					return
				}
			}
		}
	}
}

// Slice is the list as a slice, which must not be written to.
func (p Prefixes) Slice() []netip.Prefix {
	if len(p.chunks) == 1 {
		return slices.Clip(p.chunks[0].list)
	}
	out := make([]netip.Prefix, 0, p.n)
	for i := range p.chunks {
		out = append(out, p.chunks[i].list...)
	}
	return out
}

// Ends are the first and the last prefix; ok is false when there is none.
func (p Prefixes) Ends() (first, last netip.Prefix, ok bool) {
	if p.n == 0 {
		return first, last, false
	}
	return p.chunks[0].list[0], p.chunks[len(p.chunks)-1].last(), true
}

// Contains tells whether the very prefix is in the list, whatever others hold.
func (p Prefixes) Contains(x netip.Prefix) bool {
	i, last := slices.BinarySearchFunc(p.chunks, x, func(c chunk, x netip.Prefix) int { return ComparePrefixes(c.last(), x) })
	if last || i == len(p.chunks) {
		return last
	}
	_, ok := slices.BinarySearchFunc(p.chunks[i].list, x, ComparePrefixes)
	return ok
}

// Same tells, at once, that two lists are one. Others may be equal all the same.
func (p Prefixes) Same(o Prefixes) bool {
	return p.n == o.n && (p.n == 0 || &p.chunks[0] == &o.chunks[0])
}

// Equal tells whether two lists have the same members.
func (p Prefixes) Equal(o Prefixes) bool {
	return p.n == o.n && slices.EqualFunc(p.chunks, o.chunks, func(a, b chunk) bool { return a.same(&b) || slices.Equal(a.list, b.list) })
}

// Edit is the list without some members and with others; both lists are sorted. One that is in both is in the result.
func (p Prefixes) Edit(add, del []netip.Prefix) Prefixes {
	if len(add)+len(del) == 0 {
		return p
	}
	w := chunkWriter{chunks: make([]chunk, 0, len(p.chunks)+1)}
	for i := range p.chunks {
		c := &p.chunks[i]
		end, gone := len(add), len(del)
		if i < len(p.chunks)-1 {
			end, gone = upTo(add, c.last()), upTo(del, c.last())
		}
		if end+gone == 0 && len(w.open) == 0 {
			w.keep(*c)
			continue
		}
		w.merge(c.list, add[:end], del[:gone])
		add, del = add[end:], del[gone:]
	}
	w.merge(nil, add, nil)
	return w.list()
}

// upTo is how many members of a sorted list are not behind x.
func upTo(list []netip.Prefix, x netip.Prefix) int {
	if len(list) == 0 || ComparePrefixes(list[0], x) > 0 {
		return 0
	}
	i, found := slices.BinarySearchFunc(list, x, ComparePrefixes)
	if found {
		i++
	}
	return i
}

// Since says how the list differs from an older one; both results are sorted. Chunks that both lists share are not
// looked at.
func (p Prefixes) Since(old Prefixes) (add, del []netip.Prefix) {
	a, b := cursor{chunks: old.chunks}, cursor{chunks: p.chunks}
	for {
		if a.skipShared(&b); a.done() || b.done() {
			break
		}
		switch c := ComparePrefixes(a.at(), b.at()); {
		case c < 0:
			del = append(del, a.next())
		case c > 0:
			add = append(add, b.next())
		default:
			a.next()
			b.next()
		}
	}
	for !a.done() {
		del = append(del, a.next())
	}
	for !b.done() {
		add = append(add, b.next())
	}
	return add, del
}

// cursor is a place in a list.
type cursor struct {
	chunks []chunk
	i      int // in the first chunk
}

func (c *cursor) done() bool       { return len(c.chunks) == 0 }
func (c *cursor) at() netip.Prefix { return c.chunks[0].list[c.i] }

func (c *cursor) next() netip.Prefix {
	x := c.at()
	if c.i++; c.i == len(c.chunks[0].list) {
		c.chunks, c.i = c.chunks[1:], 0
	}
	return x
}

func (c *cursor) skipShared(o *cursor) {
	for c.i == 0 && o.i == 0 && !c.done() && !o.done() && c.chunks[0].same(&o.chunks[0]) {
		c.chunks, o.chunks = c.chunks[1:], o.chunks[1:]
	}
}

func (c *chunk) last() netip.Prefix { return c.list[len(c.list)-1] }

// same tells, at once, that two chunks are one or have equal sums.
func (c *chunk) same(o *chunk) bool {
	return len(c.list) == len(o.list) && (&c.list[0] == &o.list[0] || len(c.list) >= minSum && c.sum == o.sum)
}

// closes tells whether a chunk ends with the prefix.
func closes(x netip.Prefix) bool {
	b := x.Addr().As16()
	hi, lo := bits.Mul64(binary.BigEndian.Uint64(b[:8])^0x9e3779b97f4a7c15, binary.BigEndian.Uint64(b[8:])^uint64(x.Bits())<<56^0xd1b54a32d192ed03)
	h := (hi ^ lo) * 0xbf58476d1ce4e5b9
	return (h^h>>29)%chunkSize == 0
}

// chunkWriter makes a list of chunks.
type chunkWriter struct {
	chunks []chunk
	open   []netip.Prefix
	n      int
}

func (w *chunkWriter) put(x netip.Prefix) {
	if w.open = append(w.open, x); closes(x) {
		w.close()
	}
}

func (w *chunkWriter) close() {
	c := chunk{list: slices.Clone(w.open)}
	if len(c.list) >= minSum {
		var d digest
		d.prefixes(c.list)
		sum := sha256.Sum256(d)
		copy(c.sum[:], sum[:])
	}
	w.keep(c)
	w.open = w.open[:0]
}

func (w *chunkWriter) keep(c chunk) {
	w.chunks, w.n = append(w.chunks, c), w.n+len(c.list)
}

// merge writes a sorted list without some members and with others.
func (w *chunkWriter) merge(list, add, del []netip.Prefix) {
	for len(list)+len(add) > 0 {
		order := -1
		if len(list) == 0 {
			order = 1
		} else if len(add) > 0 {
			order = ComparePrefixes(list[0], add[0])
		}
		var x netip.Prefix
		if order >= 0 {
			x, add = add[0], add[1:]
		}
		if order > 0 {
			w.put(x)
			continue
		}
		if order < 0 {
			x = list[0]
		}
		list = list[1:]
		for len(del) > 0 && ComparePrefixes(del[0], x) < 0 {
			del = del[1:]
		}
		if order == 0 || len(del) == 0 || del[0] != x {
			w.put(x)
		}
	}
}

func (w *chunkWriter) list() Prefixes {
	if len(w.open) > 0 {
		w.close()
	}
	return Prefixes{w.chunks, w.n}
}
