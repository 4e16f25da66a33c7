package hcl

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"rampart/conf/tree"
)

// Parse reads a file as one Map. Blocks of one type are one field, a List with Blocks set; the locals blocks are not
// among the fields. The root is returned with errors too, as far as it could be read, nil when nothing could.
func Parse(f *tree.File) (*tree.Node, hcl.Diagnostics) {
	f.Snake = true
	if diags := guard(f); diags.HasErrors() {
		return nil, diags
	}
	file, diags := hclsyntax.ParseConfig(f.Src, f.Name, hcl.InitialPos)
	diags = bounded(f, diags)
	if file == nil {
		return nil, diags
	}
	body := file.Body.(*hclsyntax.Body)
	p := &parser{file: f, diags: diags}
	p.scope = newScope(p, body)
	root := p.body(body, true)
	root.Start, root.End = 0, len(f.Src)
	return root, p.diags
}

// maxSyntaxErrors is how many of the parser's diagnostics are kept; it may have one for every byte.
const maxSyntaxErrors = 1000

// bounded brings the parser's diagnostics into the form that ours have.
func bounded(f *tree.File, diags hcl.Diagnostics) hcl.Diagnostics {
	diags = diags[:min(len(diags), maxSyntaxErrors)]
	for _, d := range diags {
		d.Subject, d.Context = recount(f, d.Subject), nil
	}
	return diags
}

// recount gives a range columns in characters, as all of ours have, instead of grapheme clusters.
func recount(f *tree.File, r *hcl.Range) *hcl.Range {
	if r == nil {
		return nil
	}
	c := f.Range(r.Start.Byte, r.End.Byte)
	return &c
}

type parser struct {
	file  *tree.File
	scope *scope
	diags hcl.Diagnostics
}

func (p *parser) fail(r hcl.Range, summary, detail string, args ...any) {
	p.diags = append(p.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(detail, args...), Subject: recount(p.file, &r)})
}

// item is an attribute or a block, to put both back into source order.
type item struct {
	start     int
	attribute *hclsyntax.Attribute
	block     *hclsyntax.Block
}

func (p *parser) body(b *hclsyntax.Body, top bool) *tree.Node {
	var items []item
	for _, a := range b.Attributes {
		items = append(items, item{start: a.NameRange.Start.Byte, attribute: a})
	}
	for _, bl := range b.Blocks {
		if top && bl.Type == localsBlock {
			continue
		}
		items = append(items, item{start: bl.TypeRange.Start.Byte, block: bl})
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.start, b.start) })

	n := &tree.Node{File: p.file, Kind: tree.Map}
	fields := map[string]int{}
	for _, it := range items {
		if a := it.attribute; a != nil {
			if i, twice := fields[a.Name]; twice { // by blocks: the parser reports attributes
				p.fail(a.NameRange, "Duplicate field", "%q is already set on line %d.", a.Name, p.file.Line(n.Fields[i].Start))
				continue
			}
			fields[a.Name] = len(n.Fields)
			v := p.value(a.Expr)
			if v == nil {
				v = &tree.Node{File: p.file, Kind: tree.Invalid, Start: a.Expr.Range().Start.Byte, End: a.Expr.Range().End.Byte}
			}
			n.Fields = append(n.Fields, tree.Field{Name: a.Name, Start: a.NameRange.Start.Byte, End: a.NameRange.End.Byte, Value: v})
			continue
		}
		bl := it.block
		i, ok := fields[bl.Type]
		if !ok {
			i = len(n.Fields)
			fields[bl.Type] = i
			n.Fields = append(n.Fields, tree.Field{Name: bl.Type, Start: bl.TypeRange.Start.Byte, End: bl.TypeRange.End.Byte,
				Value: &tree.Node{File: p.file, Kind: tree.List, Blocks: true, Start: bl.TypeRange.Start.Byte}})
		}
		list := n.Fields[i].Value
		if !list.Blocks {
			p.fail(bl.TypeRange, "Duplicate field", "%q is already set on line %d.", bl.Type, p.file.Line(n.Fields[i].Start))
			continue
		}
		m := p.block(bl)
		list.Items = append(list.Items, m)
		list.End = m.End
	}
	return n
}

func (p *parser) block(b *hclsyntax.Block) *tree.Node {
	n := p.body(b.Body, false)
	n.Start, n.End = b.TypeRange.Start.Byte, b.CloseBraceRange.End.Byte
	for i, label := range b.Labels {
		r := b.LabelRanges[i]
		n.Labels = append(n.Labels, &tree.Node{File: p.file, Kind: tree.String, Text: label, Start: r.Start.Byte, End: r.End.Byte})
	}
	return n
}
