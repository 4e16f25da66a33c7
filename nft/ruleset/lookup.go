package ruleset

import (
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Lookup matches when the fields, concatenated, are in a named set; with Not when they are not. If a field does not load
// the rule ends either way.
type Lookup struct {
	Fields []Field
	Set    string
	Not    bool
}

// Text implements Statement.
func (l Lookup) Text(c Context) string {
	op := " @"
	if l.Not {
		op = " != @"
	}
	return fieldsText(l.Fields, c) + op + l.Set
}

// Exprs implements Statement.
func (l Lookup) Exprs(Binder) []expr.Any {
	return append(load(l.Fields), &expr.Lookup{SourceRegister: unix.NFT_REG_1, SetName: l.Set, Invert: l.Not})
}

// Eval implements Statement.
func (l Lookup) Eval(m *Machine) Verdict {
	key, ok := m.key(l.Fields)
	if !ok || (m.find(l.Set, key) != nil) == l.Not {
		return Verdict{Kind: Break}
	}
	return Verdict{}
}

// VerdictMap looks the fields up in a named verdict map and does what the element says. Without an element the rule
// ends and the next is tried.
type VerdictMap struct {
	Fields []Field
	Map    string
}

// Text implements Statement.
func (v VerdictMap) Text(c Context) string { return fieldsText(v.Fields, c) + " vmap @" + v.Map }

// Exprs implements Statement.
func (v VerdictMap) Exprs(Binder) []expr.Any {
	return append(load(v.Fields),
		&expr.Lookup{SourceRegister: unix.NFT_REG_1, DestRegister: unix.NFT_REG_VERDICT, IsDestRegSet: true, SetName: v.Map})
}

// Eval implements Statement.
func (v VerdictMap) Eval(m *Machine) Verdict {
	key, ok := m.key(v.Fields)
	if !ok {
		return Verdict{Kind: Break}
	}
	e := m.find(v.Map, key)
	if e == nil {
		return Verdict{Kind: Break}
	}
	m.matched(e)
	return e.Verdict
}

func fieldsText(list []Field, c Context) string {
	words := make([]string, len(list))
	for i, f := range list {
		words[i] = f.in(c)
	}
	return strings.Join(words, " . ")
}
