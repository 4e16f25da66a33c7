package ruleset

import (
	"github.com/google/nftables/expr"
)

// VerdictKind is what becomes of a packet at a rule or map element.
type VerdictKind uint8

// The verdicts. Continue, the zero value, goes on with the next statement or rule. Break ends the rule without a
// verdict; only Eval returns it.
const (
	Continue VerdictKind = iota
	Break
	Accept
	Drop
	Return
	Jump
	Goto
)

// named tells that the verdict names a chain.
func (k VerdictKind) named() bool { return k == Jump || k == Goto }

// Verdict is a verdict statement and the data of verdict maps. As in nftables, Accept ends the base chain only: later
// base chains of the same hook still see the packet. Drop is final.
type Verdict struct {
	Kind  VerdictKind
	Chain string
}

// GotoChain and JumpChain are the verdicts that enter another chain.
func GotoChain(name string) Verdict { return Verdict{Goto, name} }

// JumpChain comes back to the next rule when the chain ends or returns.
func JumpChain(name string) Verdict { return Verdict{Jump, name} }

// String is the verdict in nft's words.
func (v Verdict) String() string {
	switch v.Kind {
	case Break:
		return "break"
	case Accept:
		return "accept"
	case Drop:
		return "drop"
	case Return:
		return "return"
	case Jump:
		return "jump " + v.Chain
	case Goto:
		return "goto " + v.Chain
	}
	return "continue"
}

// Text implements Statement.
func (v Verdict) Text(Context) string { return v.String() }

// Exprs implements Statement.
func (v Verdict) Exprs(Binder) []expr.Any { return []expr.Any{v.Expr()} }

// Expr is the verdict as the kernel's data.
func (v Verdict) Expr() *expr.Verdict {
	return &expr.Verdict{Kind: verdictKinds[v.Kind], Chain: v.Chain}
}

var verdictKinds = [...]expr.VerdictKind{
	Continue: expr.VerdictContinue, Break: expr.VerdictBreak, Accept: expr.VerdictAccept, Drop: expr.VerdictDrop,
	Return: expr.VerdictReturn, Jump: expr.VerdictJump, Goto: expr.VerdictGoto,
}

// Eval implements Statement.
func (v Verdict) Eval(*Machine) Verdict { return v }
