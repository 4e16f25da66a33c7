package schema

import (
	"fmt"
	"slices"
	"strings"

	"rampart/conf/tree"
	"rampart/model"
)

// unknown reports a field that does not exist here, or not for this kind, and returns the name that was meant, if that
// can be told.
func (d *decoder) unknown(s *structCodec, n *tree.Node, nf *tree.Field, known *field) (meant string) {
	r := n.File.Range(nf.Start, nf.End)
	path := d.pathTo(nf.Name)
	if known != nil {
		d.fail(r, path, "Field not allowed", "%q is not allowed in a %s, only in %s.", nf.Name, d.kind, listKinds(known.kinds))
		return ""
	}
	detail := fmt.Sprintf("%q is not a field of %s.", nf.Name, d.enclosing())
	names := s.names(n.File.Snake, d.kind)
	switch meant = Suggest(nf.Name, names); {
	case meant != "":
		detail += fmt.Sprintf(" Did you mean %q?", meant)
	case d.elsewhere(nf.Name, n.File.Snake) != "":
		detail += fmt.Sprintf(" It belongs in %s.", d.elsewhere(nf.Name, n.File.Snake))
	default:
		detail += fmt.Sprintf(" Its fields are %s.", strings.Join(names, ", "))
	}
	d.fail(r, path, "Unknown field", "%s", detail)
	return meant
}

// elsewhere looks for a misplaced field one level down, then in the enclosing structs.
func (d *decoder) elsewhere(name string, snake bool) string {
	s := d.structs[len(d.structs)-1]
	var in []string
	for _, f := range s.fields {
		if child := structOf(f.codec); child != nil && f.allowedIn(d.kind) && child.has(name, snake) {
			in = append(in, fmt.Sprintf("%q", f.name(snake)))
		}
	}
	if len(in) > 0 {
		return strings.Join(in, " or ")
	}
	var written []string // names of the structs, outermost first
	written = append(written, d.what)
	for _, p := range d.path {
		if p.name != "" {
			written = append(written, p.written)
		}
	}
	for i := len(d.structs) - 2; i >= 0; i-- {
		if d.structs[i].has(name, snake) && i < len(written) {
			return fmt.Sprintf("%q", written[i])
		}
	}
	return ""
}

// has tells whether there is a field of about that name.
func (s *structCodec) has(name string, snake bool) bool {
	for _, f := range s.fields {
		if fold(f.name(snake)) == fold(name) {
			return true
		}
	}
	return false
}

// structOf is the struct behind pointers and lists, or nil.
func structOf(c codec) *structCodec {
	switch c := c.(type) {
	case *structCodec:
		return c
	case pointerCodec:
		return structOf(c.elem)
	case listCodec:
		return structOf(c.elem)
	}
	return nil
}

// listKinds writes "A", "A and B" or "A, B and C".
func listKinds(kinds []model.Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	slices.Sort(names)
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// Names are the field names of a struct type that exist for a kind.
func Names(sample any, snake bool, k model.Kind) []string {
	return structOfValue(sample).names(snake, k)
}

// FieldNames are the field names of a struct that is a field of a struct type; ok is false when there is no such field.
func FieldNames(sample any, name string, snake bool, k model.Kind) (names []string, ok bool) {
	f := structOfValue(sample).lookup(name, false)
	if f == nil || structOf(f.codec) == nil {
		return nil, false
	}
	return structOf(f.codec).names(snake, k), true
}
