package schema

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"rampart/conf/tree"
	"rampart/model"
)

// Problem is a diagnostic and the path of the field it is about, in the JSON form: spec.ingress[0].source.nets[1]. The
// diagnostic is nil when the parser has already reported why the field has no value.
type Problem struct {
	Path       string
	Diagnostic *hcl.Diagnostic
}

// Decode sets the value that into points to from a tree. What is absent or null keeps its value. The kind, "" for none,
// decides which fields are allowed; what names the whole in messages.
func Decode(n *tree.Node, into any, kind model.Kind, what string) []Problem {
	d := &decoder{kind: kind, what: what}
	v := reflect.ValueOf(into).Elem()
	codecOf(v.Type()).decode(d, n, v)
	return d.problems
}

// decoder collects what is wrong. It is used for one tree.
type decoder struct {
	kind     model.Kind
	what     string
	problems []Problem
	path     []segment
	structs  []*structCodec // that are being decoded, outermost first
}

// segment is a field name or, when name is empty, a list index.
type segment struct {
	name, written string
	index         int
}

func (d *decoder) push(name, written string) {
	d.path = append(d.path, segment{name: name, written: written})
}
func (d *decoder) pushIndex(i int) { d.path = append(d.path, segment{index: i}) }
func (d *decoder) pop()            { d.path = d.path[:len(d.path)-1] }
func (d *decoder) pathTo(field string) string {
	return pathString(append(d.path[:len(d.path):len(d.path)], segment{name: field}))
}

func pathString(path []segment) string {
	var b strings.Builder
	for _, s := range path {
		if s.name == "" {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.name)
	}
	return b.String()
}

// here names the field being decoded as it was written, with its index in a list: "ports[1]".
func (d *decoder) here() string {
	index := ""
	for i := len(d.path) - 1; i >= 0; i-- {
		if s := d.path[i]; s.name != "" {
			return s.written + index
		}
		index = "[" + strconv.Itoa(d.path[i].index) + "]" + index
	}
	return d.what + index
}

// enclosing names the struct at a depth of d.structs as it was written, without indexes.
func (d *decoder) enclosing() string {
	for i := len(d.path) - 1; i >= 0; i-- {
		if s := d.path[i]; s.name != "" {
			return s.written
		}
	}
	return d.what
}

// valid notes a field whose value the parser could not compute.
func (d *decoder) valid(n *tree.Node) bool {
	if n.Kind != tree.Invalid {
		return true
	}
	d.problems = append(d.problems, Problem{Path: pathString(d.path)})
	return false
}

// maxProblems bounds what is reported about one tree; nobody reads more.
const maxProblems = 200

func (d *decoder) fail(r hcl.Range, path, summary, detail string, args ...any) {
	d.report(hcl.DiagError, r, path, summary, fmt.Sprintf(detail, args...))
}

func (d *decoder) warn(r hcl.Range, path, summary, detail string) {
	d.report(hcl.DiagWarning, r, path, summary, detail)
}

func (d *decoder) report(severity hcl.DiagnosticSeverity, r hcl.Range, path, summary, detail string) {
	if len(d.problems) < maxProblems {
		d.problems = append(d.problems, Problem{path, &hcl.Diagnostic{Severity: severity, Summary: summary, Detail: detail, Subject: &r}})
	}
}

// invalid reports the value of the field being decoded.
func (d *decoder) invalid(n *tree.Node, summary, detail string, args ...any) {
	d.fail(n.Range(), pathString(d.path), summary, detail, args...)
}

// wrongType reports a value of a type that the field does not take; the hint says how to write what was meant.
func (d *decoder) wrongType(n *tree.Node, c codec, hint string) {
	if hint != "" {
		hint = " " + hint
	}
	d.fail(head(n), pathString(d.path), "Wrong type", "%q must be %s, not %s.%s", d.here(), c.wants(), n.Describe(), hint)
}

// head is the first line of a value: enough to point at a list or a map.
func head(n *tree.Node) hcl.Range {
	return n.File.Range(n.Start, min(n.End, n.File.LineEnd(n.Start)))
}
