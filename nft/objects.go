package nft

import (
	"iter"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

// setOf is a set as google/nftables wants it, without elements.
func setOf(t *nftables.Table, s *ruleset.Set) *nftables.Set {
	out := &nftables.Set{
		Table: t, Name: s.Name, Interval: s.Interval, IsMap: s.Verdicts, Counter: s.Counters, Comment: s.Comment, Size: s.Size,
		Concatenation: s.Concatenated(), KeyType: ruleset.KeyType(s.Fields),
		// nft prints keys by this hint: names and marks are in host order, addresses and ports in network order.
		KeyByteOrder: binaryutil.BigEndian,
	}
	if s.Verdicts {
		out.DataType = nftables.TypeVerdict
	}
	if ruleset.HostOrder(s.Fields) {
		out.KeyByteOrder = binaryutil.NativeEndian
	}
	return out
}

// elementsOf are elements as the kernel wants them: an interval of a single field is a start and, unless it reaches the
// highest key, an end that is no longer in it. The first element of an identifier starts its counter where those it replaces
// ended; counts holds what is left to hand out.
func elementsOf(s *ruleset.Set, n int, list iter.Seq[ruleset.Element], counts map[model.RuleID]ir.Counter) []nftables.SetElement {
	out := make([]nftables.SetElement, 0, n)
	trim := func(key string) []byte { return []byte(key) }
	if !s.Concatenated() {
		n := s.Fields[0].Len()
		trim = func(key string) []byte { return []byte(key[:n]) }
	}
	for e := range list {
		el := nftables.SetElement{Key: trim(e.Key), Comment: e.Comment}
		if e.Verdict.Kind != ruleset.Continue {
			el.VerdictData = e.Verdict.Expr()
		}
		if s.Counters {
			n := counts[e.ID]
			el.Counter = &expr.Counter{Packets: n.Packets, Bytes: n.Bytes}
			delete(counts, e.ID)
		}
		switch {
		case !s.Interval:
			out = append(out, el)
		case s.Concatenated():
			el.KeyEnd = []byte(e.End)
			out = append(out, el)
		default:
			end := trim(e.End)
			if highest(end) {
				el.IntervalOpen = true
				out = append(out, el)
				continue
			}
			out = append(out, el, nftables.SetElement{Key: successor(end), IntervalEnd: true})
		}
	}
	return out
}

// highest tells that the key is all ones.
func highest(key []byte) bool {
	for _, b := range key {
		if b != 0xff {
			return false
		}
	}
	return true
}

// keysOf are elements as the kernel wants them for deletion.
func keysOf(s *ruleset.Set, list []ruleset.Element) []nftables.SetElement {
	bare := *s
	bare.Counters = false
	return elementsOf(&bare, len(list), func(yield func(ruleset.Element) bool) {
		for i := range list {
			if !yield(ruleset.Element{Key: list[i].Key, End: list[i].End}) {
				return
			}
		}
	}, nil)
}

// successor is the key plus one; the key must not be all ones.
func successor(key []byte) []byte {
	next := append([]byte(nil), key...)
	for i := len(next) - 1; ; i-- {
		next[i]++
		if next[i] != 0 {
			return next
		}
	}
}

// chainOf is a chain as google/nftables wants it.
func chainOf(t *nftables.Table, c *ruleset.Chain) *nftables.Chain {
	out := &nftables.Chain{Table: t, Name: c.Name}
	if c.Base != nil {
		accept := nftables.ChainPolicyAccept
		out.Type = nftables.ChainTypeFilter
		out.Hooknum = nftables.ChainHookRef(nftables.ChainHook(c.Base.Hook))
		out.Priority = nftables.ChainPriorityRef(nftables.ChainPriority(c.Base.Priority))
		out.Policy = &accept
	}
	return out
}

// binder adds a rule's anonymous sets to the batch just before the rule.
type binder struct {
	conn  *recorder
	table *nftables.Table
	err   error
}

// Bind implements ruleset.Binder.
func (b *binder) Bind(s *ruleset.Set) (string, uint32) {
	set := setOf(b.table, s)
	set.Anonymous, set.Constant = true, true
	if err := b.conn.AddSet(set, elementsOf(s, s.Len(), s.All(), nil)); err != nil {
		b.err = err
	}
	return set.Name, set.ID
}

// comment is a rule's comment as nft stores it.
func comment(s string) []byte {
	if s == "" {
		return nil
	}
	return userdata.AppendString(nil, userdata.TypeComment, s)
}
