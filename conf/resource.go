package conf

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"rampart/conf/schema"
	"rampart/conf/tree"
	"rampart/model"
)

// resource decodes a tree in the form of a manifest (metadata, spec), and validates it.
func (d *fileDecoder) resource(n *tree.Node, k model.Kind, what string) {
	r := model.New(k)
	problems := schema.Decode(n, r, k, what)
	m := r.Meta()
	if k.Namespaced() && m.Namespace == "" {
		m.Namespace = model.DefaultNamespace
	}
	key := r.Key()
	if !k.Namespaced() {
		key.Namespace = ""
	}
	note := &Note{Resource: key}
	for _, p := range problems {
		if p.Diagnostic != nil {
			p.Diagnostic.Extra = note
			d.diags = append(d.diags, p.Diagnostic)
		}
	}
	problems = slices.DeleteFunc(problems, func(p schema.Problem) bool { return p.Diagnostic != nil && p.Diagnostic.Severity == hcl.DiagWarning })
	for _, e := range model.Validate(r) {
		if e.Follows {
			continue
		}
		if len(problems) == 0 || !e.Warning && !covered(problems, n, e.Path) {
			d.diags = append(d.diags, fieldDiagnostic(n, e, note))
		}
	}
	d.resources, d.long = append(d.resources, r), nil
	if _, ok := r.(*model.NetworkSet); ok {
		d.long = longListOf(n)
	}
	if d.keepTrees {
		d.trees = append(d.trees, n)
	}
}

// covered tells whether a validation error says again, or may only follow from, what decoding has reported: it is about
// the same field, or it is about a rule as a whole of which a field has been lost.
func covered(problems []schema.Problem, root *tree.Node, path string) bool {
	n, _, exact := schema.Locate(root, path)
	whole := !exact || n.Kind == tree.Map || n.Kind == tree.List
	for _, p := range problems {
		if p.Path == path || strings.HasPrefix(path, p.Path+".") || strings.HasPrefix(path, p.Path+"[") || strings.HasPrefix(p.Path, path+"[") {
			return true
		}
		if whole && scope(p.Path) == scope(path) {
			return true
		}
	}
	return false
}

// scope is the path up to the first list element: spec.ingress[0] of spec.ingress[0].source.nets[1].
func scope(path string) string {
	if i := strings.IndexByte(path, ']'); i >= 0 {
		return path[:i+1]
	}
	return path
}

// fieldDiagnostic places a validation error in the file.
func fieldDiagnostic(root *tree.Node, e model.FieldError, note *Note) *hcl.Diagnostic {
	severity := hcl.DiagError
	if e.Warning {
		severity = hcl.DiagWarning
	}
	n, field, exact := schema.Locate(root, e.Path)
	r := head(n)
	aboutKey := strings.HasPrefix(e.Msg, "label name:") || strings.HasPrefix(e.Msg, "annotation name:")
	if field != nil && field.Start < field.End && (!exact || aboutKey) {
		r = n.File.Range(field.Start, field.End)
	}
	if exact && e.Column > 0 {
		r, _ = n.Locate(e.Column)
	}
	summary := fieldName(e.Path)
	if root.File.Snake {
		summary = schema.Snake(summary)
	}
	if !e.Warning {
		summary = "Invalid " + summary
	}
	detail := sentence(strings.TrimPrefix(strings.TrimPrefix(e.Msg, "invalid selector: "), "protocol name invalid: "))
	if exact && n.Kind == tree.String {
		if s := schema.Suggest(n.Text, e.Words); s != "" {
			detail += fmt.Sprintf(" Did you mean %q?", s)
		}
	}
	dg := diagnostic(severity, r, summary, "%s", detail)
	dg.Extra = note
	return dg
}

var listIndex = regexp.MustCompile(`\[[0-9]+\]`)

// fieldName is the last name in a path: "nets" of spec.ingress[0].source.nets[1], "labels" of metadata.labels[a.b/c].
func fieldName(path string) string {
	path, _, _ = strings.Cut(listIndex.ReplaceAllString(path, ""), "[")
	return path[strings.LastIndexByte(path, '.')+1:]
}

func sentence(s string) string {
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".!?)") {
		return s
	}
	return s + "."
}

func diagnostic(severity hcl.DiagnosticSeverity, r hcl.Range, summary, detail string, args ...any) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: severity, Summary: summary, Detail: fmt.Sprintf(detail, args...), Subject: &r}
}
