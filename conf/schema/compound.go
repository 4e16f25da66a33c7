package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"rampart/conf/tree"
	"rampart/model"
)

type pointerCodec struct {
	elem codec
	t    reflect.Type
}

func (c pointerCodec) wants() string { return c.elem.wants() }

func (c pointerCodec) decode(d *decoder, n *tree.Node, v reflect.Value) {
	p := reflect.New(c.t)
	before := len(d.problems)
	c.elem.decode(d, n, p.Elem())
	if _, compound := c.elem.(*structCodec); compound || len(d.problems) == before {
		v.Set(p)
	}
}

func (c pointerCodec) encode(e encoder, v reflect.Value) *tree.Node {
	return c.elem.encode(e, v.Elem())
}

type listCodec struct{ elem codec }

func (c listCodec) wants() string { return "a list" }

func (c listCodec) decode(d *decoder, n *tree.Node, v reflect.Value) {
	if n.Kind != tree.List {
		d.wrongType(n, c, c.hint(n))
		return
	}
	if len(n.Items) == 0 { // an empty list is an absent one
		v.SetZero()
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items))
	for i, item := range n.Items {
		d.pushIndex(i)
		switch {
		case !d.valid(item):
		case item.Kind == tree.Null:
			d.wrongType(item, c.elem, "")
		default:
			c.elem.decode(d, item, list.Index(i))
		}
		d.pop()
	}
	v.Set(list)
}

func (c listCodec) hint(n *tree.Node) string {
	switch n.Kind {
	case tree.Map:
		if !n.File.Snake {
			return `Start each element with "- ".`
		}
	case tree.String:
		return fmt.Sprintf("Write [%s].", c.items(n.Text))
	case tree.Number:
		return fmt.Sprintf("Write [%s].", n.Text)
	}
	return ""
}

// items are the elements that a string seems to list, as they are written between brackets.
func (c listCodec) items(text string) string {
	const enough = 10
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if len(items) == enough {
			items = append(items, "…")
			break
		}
		if item = strings.TrimSpace(item); !takesNumber(c.elem) || !decimalInt.MatchString(item) {
			item = tree.Quote(item)
		}
		items = append(items, item)
	}
	return strings.Join(items, ", ")
}

func (c listCodec) encode(e encoder, v reflect.Value) *tree.Node {
	n := &tree.Node{Kind: tree.List}
	for i := range v.Len() {
		n.Items = append(n.Items, c.elem.encode(e, v.Index(i)))
	}
	if _, structs := c.elem.(*structCodec); structs {
		n.Blocks = true
	}
	return n
}

// mapCodec is a map from string to string, such as labels.
type mapCodec struct{}

func (mapCodec) wants() string { return "a map of strings" }

func (c mapCodec) decode(d *decoder, n *tree.Node, v reflect.Value) {
	if n = n.Single(); n.Kind != tree.Map {
		d.wrongType(n, c, "")
		return
	}
	if len(n.Fields) == 0 {
		v.SetZero()
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(n.Fields))
	for _, f := range n.Fields {
		d.push(f.Name, f.Name)
		d.unambiguousKey(n, f)
		elem := reflect.New(v.Type().Elem()).Elem()
		switch {
		case !d.valid(f.Value):
		case f.Value.Kind == tree.Null:
			d.wrongType(f.Value, stringCodec{}, `For an empty value write "".`)
		default:
			stringCodec{}.decode(d, f.Value, elem)
		}
		m.SetMapIndex(reflect.ValueOf(f.Name).Convert(v.Type().Key()), elem)
		d.pop()
	}
	v.Set(m)
}

// unambiguousKey reports a bare key that YAML 1.1 reads as a boolean.
func (d *decoder) unambiguousKey(n *tree.Node, f tree.Field) {
	key := &tree.Node{File: n.File, Kind: tree.String, Plain: !n.File.Snake && n.File.Src[f.Start] != '"' && n.File.Src[f.Start] != '\'',
		Text: f.Name, Start: f.Start, End: f.End}
	if _, ok := yaml11Bool(key); ok {
		d.ambiguous(key)
	}
}

func (mapCodec) encode(_ encoder, v reflect.Value) *tree.Node {
	n := &tree.Node{Kind: tree.Map}
	for _, k := range v.MapKeys() {
		n.Fields = append(n.Fields, tree.Field{Name: k.String(), Value: &tree.Node{Kind: tree.String, Text: v.MapIndex(k).String()}})
	}
	slices.SortFunc(n.Fields, func(a, b tree.Field) int { return strings.Compare(a.Name, b.Name) })
	return n
}

func (s *structCodec) wants() string { return "a map" }

func (s *structCodec) decode(d *decoder, n *tree.Node, v reflect.Value) {
	if n.Blocks && len(n.Items) > 1 {
		first, second := n.Items[0], n.Items[1]
		d.fail(head(second), pathString(d.path), "Duplicate block", "Only one %q block is allowed here; the first is on line %d.",
			d.here(), n.File.Line(first.Start))
		n = first
	}
	if n = n.Single(); n.Kind != tree.Map {
		d.wrongType(n, s, "")
		return
	}
	for _, label := range n.Labels {
		d.fail(label.Range(), pathString(d.path), "Unexpected label", "Blocks of type %q take no label.", d.enclosing())
	}
	if s.origin != nil {
		pos := n.File.Pos(n.Start)
		v.FieldByIndex(s.origin).Set(reflect.ValueOf(model.Origin{File: n.File.Name, Line: pos.Line, Column: pos.Column}))
	}
	d.structs = append(d.structs, s)
	defer func() { d.structs = d.structs[:len(d.structs)-1] }()
	var set uint64 // bit i: field i is present
	var meant []string
	for i := range n.Fields {
		nf := &n.Fields[i]
		f := s.lookup(nf.Name, n.File.Snake)
		if f == nil || !f.allowedIn(d.kind) {
			meant = append(meant, d.unknown(s, n, nf, f))
			continue
		}
		if what := s.unrestricting(f, nf.Value); what != "" {
			d.warn(n.File.Range(nf.Start, nf.End), d.pathTo(f.json), "Empty "+what, "It restricts nothing, as if it were not there.")
		}
		if nf.Value.Kind == tree.Null {
			continue
		}
		set |= 1 << f.ordinal
		written := nf.Name
		if nf.Start == nf.End { // not in the file: the struct around it is what the reader sees
			written = d.enclosing()
		}
		d.push(f.json, written)
		if d.valid(nf.Value) {
			f.codec.decode(d, nf.Value, v.FieldByIndex(f.index))
		}
		d.pop()
	}
	for _, f := range s.fields {
		name := f.name(n.File.Snake)
		if f.required && set&(1<<f.ordinal) == 0 && !slices.Contains(meant, name) {
			d.fail(head(n), d.pathTo(f.json), "Missing field", "%q is required in %s.", name, d.enclosing())
		}
	}
}

// unrestricting says what a field is that is there, but empty, and so does not restrict what it seems to; "" for others.
func (s *structCodec) unrestricting(f *field, n *tree.Node) string {
	switch f.codec.(type) {
	case stringCodec:
		if strings.HasSuffix(f.snake, "selector") && (n.Kind == tree.Null || n.Kind == tree.String && n.Text == "") {
			return "selector"
		}
	case listCodec:
		condition := s.of == reflect.TypeFor[model.EntityRule]() && (f.json == "nets" || f.json == "ports")
		if condition && (n.Kind == tree.Null || n.Kind == tree.List && len(n.Items) == 0) {
			return "list"
		}
	}
	return ""
}

func (s *structCodec) encode(e encoder, v reflect.Value) *tree.Node {
	n := &tree.Node{Kind: tree.Map, Blocks: true}
	for _, f := range s.fields {
		fv := v.FieldByIndex(f.index)
		if f.omit && empty(fv) {
			continue
		}
		if fv.Kind() == reflect.Pointer && fv.IsNil() {
			continue
		}
		child := f.codec.encode(e, fv)
		if _, nested := f.codec.(*structCodec); nested && f.omit && len(child.Fields) == 0 {
			continue
		}
		n.Fields = append(n.Fields, tree.Field{Name: f.name(e.snake), Value: child})
	}
	return n
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}

// encoder carries what encoding depends on.
type encoder struct{ snake bool }

// Encode builds the tree of a value: fields in declaration order, empty ones left out, names in snake_case on request.
func Encode(value any, snake bool) *tree.Node {
	v := reflect.Indirect(reflect.ValueOf(value))
	return codecOf(v.Type()).encode(encoder{snake}, v)
}
