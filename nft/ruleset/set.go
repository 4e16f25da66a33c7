package ruleset

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"rampart/engine/ir"
	"rampart/model"
)

// Set is a set, or a verdict map when Verdicts is true.
type Set struct {
	// Name is empty for an anonymous set, which belongs to one rule and never changes.
	Name   string
	Fields []Field
	// Interval sets hold ranges: one field, disjoint (the kernel's sorted array), or several, of which the first inserted
	// of those that match wins (pipapo). Other sets are hash tables of exact keys.
	Interval bool
	Verdicts bool
	// Disjoint promises that no two elements of an interval set over several fields overlap, so that their order means
	// nothing and one can be added anywhere.
	Disjoint bool
	// Counters gives every element a counter.
	Counters bool
	// Size bounds the number of elements of a hash set; the kernel sizes its table by it. 0 leaves it open. A set whose
	// elements change keeps its Size unless it must grow, since a new Size is a new set.
	Size    uint32
	Comment string
	// Elements in order of insertion; for sets other than intervals over several fields that is the order of keys.
	Elements []Element
	// Prefixes are, in place of Elements, the elements of a hash set of one address field: the first address of each. They
	// are prefixes of one length.
	Prefixes ir.Prefixes
}

// Element is an entry of a set.
type Element struct {
	// Key is the key, or the first key of a range; see Key. End is the last key of a range in an interval set, equal to
	// Key for a single key; in other sets it is empty.
	Key, End string
	// Verdict is for verdict maps.
	Verdict Verdict
	Comment string
	// ID is what the element's counter is added up under.
	ID model.RuleID
}

// Same tells that an element may stay for another: it is one to the kernel, and what it has counted is the other's.
func (e *Element) Same(o *Element) bool {
	return e.Key == o.Key && e.End == o.End && e.Verdict == o.Verdict && e.Comment == o.Comment && e.ID == o.ID
}

// SameType tells that b could take a's place by changing elements alone.
func (s *Set) SameType(o *Set) bool {
	return s.Name == o.Name && slices.Equal(s.Fields, o.Fields) && s.Interval == o.Interval && s.Verdicts == o.Verdicts &&
		s.Counters == o.Counters && s.Size == o.Size && s.Comment == o.Comment
}

// Len is the number of elements.
func (s *Set) Len() int { return len(s.Elements) + s.Prefixes.Len() }

// All iterates over the elements in order, whichever way they are kept.
func (s *Set) All() iter.Seq[Element] {
	if s.Prefixes.Len() == 0 {
		return slices.Values(s.Elements)
	}
	return elementsOf(s.Prefixes.All())
}

func elementsOf(list iter.Seq[netip.Prefix]) iter.Seq[Element] {
	return func(yield func(Element) bool) {
		for p := range list {
			if !yield(Element{Key: string(p.Addr().AsSlice())}) {
				return
			}
		}
	}
}

// Concatenated tells that keys have several fields.
func (s *Set) Concatenated() bool { return len(s.Fields) > 1 }

// validate checks that elements fit the set and that a single-field interval set is sorted and disjoint.
func (s *Set) validate() error {
	n := keyLen(s.Fields)
	for i := range s.Elements {
		e := &s.Elements[i]
		switch {
		case len(e.Key) != n, s.Interval && len(e.End) != n, !s.Interval && e.End != "":
			return fmt.Errorf("element %d does not fit the set's type", i)
		case s.Verdicts != (e.Verdict.Kind != Continue):
			return fmt.Errorf("element %s: verdict where none belongs, or none where one does", s.ElementText(e))
		case len(e.Comment) > MaxCommentLen:
			return fmt.Errorf("element %s: comment is longer than %d bytes", s.ElementText(e), MaxCommentLen)
		case s.Interval && e.End < e.Key && !s.Concatenated():
			return fmt.Errorf("element %d ends before it begins", i)
		case s.Interval && !s.Concatenated() && i > 0 && s.Elements[i-1].End >= e.Key:
			return fmt.Errorf("element %s overlaps the one before it or is out of order", s.ElementText(e))
		}
	}
	if s.Prefixes.Len() > 0 && (len(s.Elements) > 0 || s.Interval || s.Verdicts || s.Counters || s.Concatenated()) {
		return errors.New("prefixes in a set that is no hash set of addresses")
	}
	if s.Size != 0 && s.Len() > int(s.Size) {
		return fmt.Errorf("%d elements, but room for %d", s.Len(), s.Size)
	}
	return nil
}

// TypeText is the set's type line: "ipv4_addr . inet_service : verdict".
func (s *Set) TypeText() string {
	words := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		words[i] = fields[f].datatype.Name
	}
	t := strings.Join(words, " . ")
	if s.Verdicts {
		t += " : verdict"
	}
	return t
}

// ElementText is an element as nft lists it.
func (s *Set) ElementText(e *Element) string {
	var b strings.Builder
	for i, f := range s.Fields {
		if i > 0 {
			b.WriteString(" . ")
		}
		first := fieldOf(s.Fields, e.Key, i)
		last := first
		if e.End != "" {
			last = fieldOf(s.Fields, e.End, i)
		}
		b.WriteString(f.rangeText(first, last))
	}
	if s.Counters {
		b.WriteString(" counter packets 0 bytes 0")
	}
	if e.Comment != "" {
		b.WriteString(" comment " + quote(e.Comment))
	}
	if s.Verdicts {
		b.WriteString(" : " + e.Verdict.String())
	}
	return b.String()
}

// SortKeys sorts elements of a hash set by key and drops repeated keys, keeping the first of each.
func SortKeys(elements []Element) []Element {
	byKey := func(a, b Element) int { return strings.Compare(a.Key, b.Key) }
	if !slices.IsSortedFunc(elements, byKey) {
		slices.SortStableFunc(elements, byKey)
	}
	return slices.CompactFunc(elements, func(a, b Element) bool { return a.Key == b.Key })
}
