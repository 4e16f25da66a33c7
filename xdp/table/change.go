package table

import (
	"hash/maphash"
	"maps"
	"slices"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/xdp/classify"
)

const (
	// maxChanges bounds the entries that are changed one by one; with more, building anew is faster.
	maxChanges = 128
	// maxPending bounds the changes that pile up in a classifier, which slow it down a little each.
	maxPending = classify.MaxPending
)

var seed = maphash.MakeSeed()

// key is what an entry is the same by: its rule, what it decides, where it leads and the members of its sets.
func (b *Builder) key(e *flat.Entry) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	maphash.WriteComparable(&h, e.Rule.ID)
	maphash.WriteComparable(&h, [3]bool{e.Log, e.HTTP, e.Next != nil})
	maphash.WriteComparable(&h, e.Verdict)
	if e.Next != nil {
		h.WriteString(string(e.Next.ID))
	}
	m := &e.Rule.Match
	for _, list := range [][]ir.SetID{m.Src.Sets, m.Src.NotSets, m.Src.PortSets, m.Src.NotPortSets, m.Dst.Sets, m.Dst.NotSets, m.Dst.PortSets, m.Dst.NotPortSets} {
		for _, id := range list {
			h.WriteString(string(id))
			if s := b.Sets(id); s != nil {
				maphash.WriteComparable(&h, s.Sum)
				if s.Sum == 0 { // not sealed: nothing is known of its members
					maphash.WriteComparable(&h, s)
				}
			}
		}
	}
	return h.Sum64()
}

// change makes a stage out of a similar one of the previous builder. done is false when there is none.
func (b *Builder) change(s *stage, keys []uint64) (done bool, err error) {
	if b.Previous == nil {
		return false, nil
	}
	for _, old := range b.similar(s.list) {
		kept, gone, fresh, ok := compare(old.places, keys)
		if !ok || !old.whole {
			continue
		}
		// Where a Goto leads is another stage now, even if to an equal list.
		s.outcomes = slices.Clone(old.outcomes)
		s.places = make([]place, len(keys))
		for i, was := range kept {
			if was >= 0 {
				s.places[i] = old.places[was]
				if s.outcomes[s.places[i].value], err = b.entryOutcome(&s.list.Entries[i]); err != nil {
					return false, err
				}
			}
		}
		for _, i := range fresh {
			o, err := b.entryOutcome(&s.list.Entries[i])
			if err != nil {
				return false, err
			}
			s.places[i] = place{key: keys[i], value: uint32(len(s.outcomes))}
			s.outcomes = append(s.outcomes, o)
		}
		if !spread(s.places, fresh) {
			continue
		}
		if done, err = b.transfer(s, old, gone, fresh); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

// similar are the previous stages that a list may have come from: the same one, else some of the same name.
func (b *Builder) similar(l *flat.List) []*stage {
	if s := b.Previous.stages[l.ID]; s != nil {
		return []*stage{s}
	}
	var out []*stage
	for _, id := range slices.Sorted(maps.Keys(b.Previous.stages)) {
		s := b.Previous.stages[id]
		if s.list.Name == l.Name && len(out) < 4 && max(len(s.places)-len(l.Entries), len(l.Entries)-len(s.places)) <= maxChanges {
			out = append(out, s)
		}
	}
	return out
}

// compare finds the entries that have stayed: kept[i] is the old place of entry i, or -1 for a fresh one. ok is false when
// too much has changed, or the order of those that stay.
func compare(old []place, keys []uint64) (kept, gone, fresh []int, ok bool) {
	at := make(map[uint64][]int, len(old))
	for i := range old {
		at[old[i].key] = append(at[old[i].key], i)
	}
	kept = make([]int, len(keys))
	last := -1
	for i, key := range keys {
		kept[i] = -1
		if list := at[key]; len(list) > 0 {
			if list[0] < last {
				return nil, nil, nil, false
			}
			kept[i], last, at[key] = list[0], list[0], list[1:]
			continue
		}
		if fresh = append(fresh, i); len(fresh) > maxChanges {
			return nil, nil, nil, false
		}
	}
	for _, list := range at {
		if gone = append(gone, list...); len(gone) > maxChanges {
			return nil, nil, nil, false
		}
	}
	return kept, gone, fresh, true
}

// spread gives fresh entries priorities between those of their neighbours; ok is false when there is no room.
func spread(places []place, fresh []int) (ok bool) {
	for n := 0; n < len(fresh); {
		run := 1
		for n+run < len(fresh) && fresh[n+run] == fresh[n]+run {
			run++
		}
		first, lo, hi := fresh[n], uint64(0), ^uint64(0)
		if first > 0 {
			lo = places[first-1].priority
		}
		if next := first + run; next < len(places) {
			hi = places[next].priority
		} else if lo < 1<<62 {
			hi = lo + 1<<40
		}
		step := (hi - lo) / uint64(run+1)
		if step == 0 {
			return false
		}
		for i := range run {
			places[first+i].priority = lo + uint64(i+1)*step
		}
		n += run
	}
	return true
}

// transfer takes over the old classifiers, without what is gone and with what is fresh.
func (b *Builder) transfer(s, old *stage, gone, fresh []int) (done bool, err error) {
	s.whole = true
	for _, f := range []family{4, 6} {
		c := old.get(f)
		before, now := b.expander(f, old.sets), b.expander(f, b.Sets)
		for _, i := range gone {
			for _, r := range before.entry(&old.list.Entries[i], old.places[i]) {
				if c, err = c.Delete(r); err != nil {
					return false, err
				}
			}
		}
		for _, i := range fresh {
			boxes := now.entry(&s.list.Entries[i], s.places[i])
			if c.Pending()+len(boxes) > maxPending {
				return false, nil
			}
			for _, r := range boxes {
				if c, err = c.Insert(r); err != nil {
					return false, err
				}
			}
		}
		if c.Pending() > maxPending {
			return false, nil
		}
		s.set(f, c)
	}
	if len(gone)+len(fresh) == 0 {
		b.Kept++
	} else {
		b.Changed++
	}
	return true, nil
}
