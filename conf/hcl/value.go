package hcl

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"rampart/conf/tree"
)

// value converts an expression to a node, or returns nil after reporting why not. Lists and maps that are written out
// keep the place of every element; what is computed has the place of the whole expression.
func (p *parser) value(e hclsyntax.Expression) *tree.Node {
	r := e.Range()
	n := &tree.Node{File: p.file, Start: r.Start.Byte, End: r.End.Byte}
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return p.value(e.Expression)
	case *hclsyntax.TupleConsExpr:
		n.Kind = tree.List
		for _, elem := range e.Exprs {
			if v := p.value(elem); v != nil {
				n.Items = append(n.Items, v)
			} else {
				n.Items = append(n.Items, &tree.Node{File: p.file, Kind: tree.Invalid, Start: elem.Range().Start.Byte, End: elem.Range().End.Byte})
			}
		}
		return n
	case *hclsyntax.ObjectConsExpr:
		return p.object(e, n)
	}
	v, ok := p.scope.evaluate(e)
	if !ok {
		return nil
	}
	return p.constant(v, n)
}

func (p *parser) object(e *hclsyntax.ObjectConsExpr, n *tree.Node) *tree.Node {
	n.Kind = tree.Map
	lines := map[string]int{}
	for _, it := range e.Items {
		kr := it.KeyExpr.Range()
		key, ok := p.key(it.KeyExpr)
		if !ok {
			continue
		}
		v := p.value(it.ValueExpr)
		if line, twice := lines[key]; twice {
			p.fail(kr, "Duplicate key", "%q is already set on line %d.", key, line)
			continue
		}
		lines[key] = kr.Start.Line
		if v == nil {
			v = &tree.Node{File: p.file, Kind: tree.Invalid, Start: it.ValueExpr.Range().Start.Byte, End: it.ValueExpr.Range().End.Byte}
		}
		n.Fields = append(n.Fields, tree.Field{Name: key, Start: kr.Start.Byte, End: kr.End.Byte, Value: v})
	}
	return n
}

func (p *parser) key(e hclsyntax.Expression) (string, bool) {
	if k, ok := e.(*hclsyntax.ObjectConsKeyExpr); ok && !k.ForceNonLiteral {
		if word := hcl.ExprAsKeyword(k.Wrapped); word != "" {
			return word, true
		}
	}
	v, ok := p.scope.evaluate(e)
	if !ok {
		return "", false
	}
	if v.IsNull() || v.Type() != cty.String {
		p.fail(e.Range(), "Invalid key", "A key must be a string.")
		return "", false
	}
	return v.AsString(), true
}

// constant fills a node with an evaluated value.
func (p *parser) constant(v cty.Value, n *tree.Node) *tree.Node {
	t := v.Type()
	switch {
	case v.IsNull():
		n.Kind = tree.Null
	case t == cty.String:
		n.Kind, n.Text = tree.String, v.AsString()
	case t == cty.Bool:
		n.Kind, n.Text = tree.Bool, "false"
		if v.True() {
			n.Text = "true"
		}
	case t == cty.Number:
		n.Kind, n.Text = tree.Number, numberText(v.AsBigFloat())
	case t.IsTupleType(), t.IsListType(), t.IsSetType():
		n.Kind = tree.List
		for it := v.ElementIterator(); it.Next(); {
			_, elem := it.Element()
			n.Items = append(n.Items, p.constant(elem, &tree.Node{File: n.File, Start: n.Start, End: n.End}))
		}
	case t.IsObjectType(), t.IsMapType():
		n.Kind = tree.Map
		for it := v.ElementIterator(); it.Next(); {
			k, elem := it.Element()
			n.Fields = append(n.Fields, tree.Field{Name: k.AsString(), Start: n.Start, End: n.End,
				Value: p.constant(elem, &tree.Node{File: n.File, Start: n.Start, End: n.End})})
		}
	default:
		n.Kind = tree.Invalid
	}
	return n
}
