package report

import (
	"bytes"
	_ "embed"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
)

//go:embed report.html
var page string

// WriteHTML writes a page that holds everything: plots, tables, the environment and how it was measured.
func (d *Document) WriteHTML(w io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"plot": plotHTML, "join": strings.Join, "keys": func(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) },
		"title": d.Title, "number": Number,
	}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, d)
}

// plotHTML is a grid's plot as an element of the page.
func plotHTML(g *Grid) (template.HTML, error) {
	var b bytes.Buffer
	if err := g.WriteSVG(&b); err != nil {
		return "", err
	}
	// What is before the element (the XML declaration and the document type) has no place in a page.
	svg := b.Bytes()
	if i := bytes.Index(svg, []byte("<svg")); i >= 0 {
		svg = svg[i:]
	}
	return template.HTML(svg), nil //nolint:gosec // our own drawing, of titles that we wrote
}
