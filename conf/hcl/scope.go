package hcl

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

const (
	localsBlock = "locals"
	localName   = "local"
	// maxExpanded bounds what all references to local values in a file add up to: bytes of strings, and elementCost for
	// every value.
	maxExpanded = 32 << 20
	elementCost = 16
	maxChain    = 200
)

// scope evaluates expressions: constants, and the file's local values, each computed once when it is first used.
type scope struct {
	p        *parser
	exprs    map[string]hclsyntax.Expression
	values   map[string]cty.Value
	sizes    map[string]int
	pending  []string // being computed, outermost first
	broken   map[string]bool
	expanded int
}

func newScope(p *parser, body *hclsyntax.Body) *scope {
	s := &scope{p: p, exprs: map[string]hclsyntax.Expression{}, values: map[string]cty.Value{}, sizes: map[string]int{}, broken: map[string]bool{}}
	var attributes []*hclsyntax.Attribute
	for _, b := range body.Blocks {
		if b.Type != localsBlock {
			continue
		}
		if len(b.Labels) > 0 {
			p.fail(b.LabelRanges[0], "Unexpected label", "A locals block has no name.")
		}
		for _, inner := range b.Body.Blocks {
			p.fail(inner.TypeRange, "Unexpected block", "A locals block holds values: write %s = {…}.", inner.Type)
		}
		for _, a := range b.Body.Attributes {
			attributes = append(attributes, a)
		}
	}
	slices.SortFunc(attributes, func(a, b *hclsyntax.Attribute) int { return a.SrcRange.Start.Byte - b.SrcRange.Start.Byte })
	lines := map[string]int{}
	for _, a := range attributes {
		if line, twice := lines[a.Name]; twice {
			p.fail(a.NameRange, "Duplicate local value", "%q is already set on line %d.", a.Name, line)
			continue
		}
		lines[a.Name], s.exprs[a.Name] = a.NameRange.Start.Line, a.Expr
	}
	p.scope = s
	for _, a := range attributes { // an unused one with a mistake is reported too
		s.local(a.Name)
	}
	return s
}

// evaluate computes an expression, or reports why it cannot.
func (s *scope) evaluate(e hclsyntax.Expression) (cty.Value, bool) {
	if word := bareWord(e); word != "" {
		s.p.fail(e.Range(), "Missing quotes", "A string stands in quotes: write %q.", word)
		return cty.NilVal, false
	}
	if !s.supported(e) {
		return cty.NilVal, false
	}
	ctx := &hcl.EvalContext{Functions: functions}
	locals, ok := s.references(e)
	if !ok {
		return cty.NilVal, false
	}
	if len(locals) > 0 {
		ctx.Variables = map[string]cty.Value{localName: cty.ObjectVal(locals)}
	}
	v, diags := e.Value(ctx)
	for _, d := range diags {
		d.Subject, d.Context, d.Expression, d.EvalContext, d.Extra = recount(s.p.file, d.Subject), nil, nil, nil, nil
	}
	s.p.diags = append(s.p.diags, diags...)
	return v, !diags.HasErrors() && v.IsWhollyKnown()
}

// bareWord is the text of an expression that is an unquoted word, "" for others.
func bareWord(e hclsyntax.Expression) string {
	t, ok := e.(*hclsyntax.ScopeTraversalExpr)
	if !ok || t.Traversal.RootName() == localName {
		return ""
	}
	r := t.Range()
	if r.Start.Line != r.End.Line {
		return t.Traversal.RootName()
	}
	parts := []string{}
	for _, step := range t.Traversal {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			parts = append(parts, step.Name)
		case hcl.TraverseAttr:
			parts = append(parts, step.Name)
		}
	}
	return strings.Join(parts, ".")
}

// supported refuses loops and unknown functions; operators have not passed the guard.
func (s *scope) supported(e hclsyntax.Expression) bool {
	before := len(s.p.diags)
	hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.ForExpr:
			s.p.fail(n.OpenRange, "Unsupported expression", "There are no loops here.")
		case *hclsyntax.FunctionCallExpr:
			if _, ok := functions[n.Name]; !ok {
				hint := ""
				if n.Name == "has" || n.Name == "all" || n.Name == "global" {
					hint = " A selector stands in quotes."
				}
				s.p.fail(n.NameRange, "Unknown function", "There is no function %q.%s The functions are %s.", n.Name, hint,
					strings.Join(slices.Sorted(maps.Keys(functions)), ", "))
			}
		}
		return nil
	})
	return len(s.p.diags) == before
}

// references computes the local values an expression uses and charges their size.
func (s *scope) references(e hclsyntax.Expression) (map[string]cty.Value, bool) {
	locals := map[string]cty.Value{}
	ok := true
	for _, t := range e.Variables() {
		if t.RootName() != localName {
			continue // evaluation reports it
		}
		step, isAttr := hcl.TraverseAttr{}, false
		if len(t) > 1 {
			step, isAttr = t[1].(hcl.TraverseAttr)
		}
		if !isAttr {
			s.p.fail(t.SourceRange(), "Invalid reference", "A local value is written local.NAME.")
			ok = false
			continue
		}
		v, found := s.local(step.Name)
		if !found {
			switch {
			case s.exprs[step.Name] == nil:
				s.p.fail(t.SourceRange(), "Unknown local value", "No locals block of this file sets %q.%s", step.Name, s.suggestion(step.Name))
			case slices.Contains(s.pending, step.Name):
				s.p.fail(t.SourceRange(), "Circular local value", "local.%s is used to compute itself.", step.Name)
			case !s.broken[step.Name]:
				s.p.fail(t.SourceRange(), "Circular local value", "More than %d local values refer to each other in a chain.", maxChain)
			}
			ok = false
			continue
		}
		locals[step.Name] = v
		if s.expanded += s.sizes[step.Name]; s.expanded > maxExpanded {
			s.p.fail(t.SourceRange(), "Local values expand too far", "What the local values of a file stand for may be %d MiB altogether.", maxExpanded>>20)
			return nil, false
		}
	}
	return locals, ok
}

func (s *scope) suggestion(name string) string {
	names := slices.Sorted(maps.Keys(s.exprs))
	if len(names) == 0 || len(names) > 20 {
		return ""
	}
	return fmt.Sprintf(" There are %s.", strings.Join(names, ", "))
}

// local computes a local value; not ok when it does not exist, is being computed, or is broken.
func (s *scope) local(name string) (cty.Value, bool) {
	if v, ok := s.values[name]; ok {
		return v, true
	}
	e := s.exprs[name]
	if e == nil || s.broken[name] || slices.Contains(s.pending, name) || len(s.pending) >= maxChain {
		return cty.NilVal, false
	}
	s.pending = append(s.pending, name)
	v, ok := s.evaluate(e)
	s.pending = s.pending[:len(s.pending)-1]
	if !ok {
		s.broken[name] = true
		return cty.NilVal, false
	}
	s.values[name], s.sizes[name] = v, size(v)
	return v, true
}

func size(v cty.Value) int {
	n := elementCost
	switch {
	case v.IsNull() || !v.IsKnown():
	case v.Type() == cty.String:
		n += len(v.AsString())
	case v.CanIterateElements():
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			n += size(e)
			if k.Type() == cty.String {
				n += len(k.AsString())
			}
		}
	}
	return n
}

// numberText writes whole numbers in full, others as the nearest 64-bit number.
func numberText(f *big.Float) string {
	if i, accuracy := f.Int64(); accuracy == big.Exact {
		return strconv.FormatInt(i, 10)
	}
	x, _ := f.Float64()
	if math.IsInf(x, 0) {
		return f.Text('g', 10)
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}
