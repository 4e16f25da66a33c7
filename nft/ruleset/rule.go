package ruleset

import (
	"strings"

	"github.com/google/nftables/expr"

	"rampart/model"
)

// Rule is a list of statements run from left to right until one does not match or gives a verdict.
type Rule struct {
	Statements []Statement
	// Comment is shown by nft and stored with the rule.
	Comment string
	// ID is what the rule's counter is added up under: the policy rule it came from, or an identifier of its own for a
	// default or a built-in rule. 0 is not reported.
	ID model.RuleID
}

// Statement is one match or action of a rule.
type Statement interface {
	// Text is the statement in nft(8) syntax.
	Text(c Context) string
	// Exprs are the expressions that make up the statement. Each statement uses registers afresh.
	Exprs(b Binder) []expr.Any
	// Eval runs the statement on the machine's packet. Break ends the rule, Continue goes on to the next statement, any
	// other verdict decides.
	Eval(m *Machine) Verdict
}

// Context is what statements to the left of one have established; nft's spelling of a statement depends on it.
type Context struct {
	// Protocol is the layer 4 protocol the rule has already matched, 0 when any.
	Protocol uint8
}

// Binder gives a rule's anonymous sets their names in the transaction that creates them.
type Binder interface {
	// Bind returns the name and transaction identifier of a set that must exist before the rule is added.
	Bind(s *Set) (name string, id uint32)
}

// Text is the rule as nft lists it.
func (r *Rule) Text() string {
	var b strings.Builder
	var c Context
	for i, st := range r.Statements {
		if implied(r.Statements, i) {
			c = c.after(st)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(st.Text(c))
		c = c.after(st)
	}
	if r.Comment != "" {
		b.WriteString(" comment ")
		b.WriteString(quote(r.Comment))
	}
	return strings.TrimPrefix(b.String(), " ")
}

// Exprs are the rule's expressions.
func (r *Rule) Exprs(b Binder) []expr.Any {
	var exprs []expr.Any
	for _, st := range r.Statements {
		exprs = append(exprs, st.Exprs(b)...)
	}
	return exprs
}

// quote writes a string for nft, whose strings know no escapes.
func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, "'") + `"` }

func (c Context) after(st Statement) Context {
	if m, ok := st.(Match); ok && m.Field == L4Proto && !m.Not && len(m.Values) == 1 && m.Values[0].single() {
		c.Protocol = m.Values[0].First[0]
	}
	return c
}

// implied tells that nft lists the statement as part of a later one: "meta nfproto ipv4 ip saddr a" is listed as
// "ip saddr a", and "meta l4proto tcp th dport 80" as "tcp dport 80".
func implied(list []Statement, i int) bool {
	m, ok := list[i].(Match)
	if !ok || m.Not || len(m.Values) != 1 || m.Field != NFProto && m.Field != L4Proto {
		return false
	}
	v := m.Values[0].First[0]
	for _, st := range list[i+1:] {
		var next []Field
		switch st := st.(type) {
		case Match:
			next = []Field{st.Field}
		case Lookup:
			next = st.Fields
		case VerdictMap:
			next = st.Fields
		case Flags:
			next = []Field{st.Field}
		}
		for _, f := range next {
			if m.Field == NFProto && nfprotoOf(f) == v {
				return true
			}
			if m.Field == L4Proto && (f.ports() && portWord(v) != "th" || f.icmpOf() == v || f == TCPFlags && v == model.ProtoTCP) {
				return true
			}
		}
	}
	return false
}

// terminal tells that no statement may follow.
func terminal(st Statement) bool {
	switch st.(type) {
	case Verdict, VerdictMap, Reject:
		return true
	}
	return false
}
