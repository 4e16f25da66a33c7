package yaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
	yaml "go.yaml.in/yaml/v3"

	"rampart/conf/tree"
)

// Parse reads every document of a file. Empty documents are left out.
func Parse(f *tree.File) ([]*tree.Node, hcl.Diagnostics) {
	var roots []*tree.Node
	var diags hcl.Diagnostics
	for _, doc := range Documents(f) {
		root, ds := ParseDocument(f, doc)
		diags = append(diags, ds...)
		if root != nil {
			roots = append(roots, root)
		}
	}
	return roots, diags
}

// ParseDocument reads one document. The root is nil when the document is empty or, with diagnostics, when it cannot be
// read at all.
func ParseDocument(f *tree.File, doc Document) (*tree.Node, hcl.Diagnostics) {
	return new(Parser).ParseDocument(f, doc)
}

// parseWhole reads a document of whatever YAML.
func parseWhole(f *tree.File, doc Document) (*tree.Node, hcl.Diagnostics) {
	src := f.Src[doc.Start:doc.End]
	node, err := decode(src)
	if err != nil {
		return nil, hcl.Diagnostics{syntaxError(f, doc, err)}
	}
	if node == nil || len(node.Content) == 0 {
		return nil, nil
	}
	c := &converter{file: f, base: doc.Start, src: src, lines: lineStarts(src), seen: map[*yaml.Node]*shared{}}
	root := c.value(node.Content[0], 0)
	if root == nil || len(c.diags) > 0 {
		return nil, c.diags
	}
	if root.Kind == tree.Null {
		return nil, nil
	}
	return root, nil
}

// decode reads the one document in src; nil when there is none.
func decode(src []byte) (node *yaml.Node, err error) {
	defer func() { // the parser panics on its own internal errors
		if r := recover(); r != nil {
			node, err = nil, fmt.Errorf("yaml: %v", r)
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(src))
	node = new(yaml.Node)
	if err := dec.Decode(node); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, err
	}
	var more yaml.Node
	switch err := dec.Decode(&more); {
	case errors.Is(err, io.EOF):
		return node, nil
	case err != nil:
		return nil, err
	}
	return nil, errors.New("yaml: text after the end of the document")
}

var parserLine = regexp.MustCompile(`^(line \d+: )?`)

// syntaxError turns an error of the parser into a diagnostic. The parser's own line numbers name the start of the
// construct it was in, or the line before; the line that matters is the first one without which the error goes away.
func syntaxError(f *tree.File, doc Document, err error) *hcl.Diagnostic {
	message := parserMessage(err)
	src := f.Src[doc.Start:doc.End]
	line := firstFailing(src, message)
	start := doc.Start + line
	for start < doc.End && (f.Src[start] == ' ' || f.Src[start] == '\t') {
		start++
	}
	r := f.Range(start, f.LineEnd(start))
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Invalid YAML", Detail: sentence(message), Subject: &r}
	if bytes.ContainsRune(f.Src[doc.Start+line:start], '\t') {
		d.Detail += " YAML is indented with spaces, not tabs."
	}
	return d
}

func parserMessage(err error) string {
	return parserLine.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), "")
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// firstFailing finds, by bisection, the shortest run of lines from the start that fails with the message, and returns
// the offset of its last line. Documents too large to parse a few times more are blamed as a whole.
func firstFailing(src []byte, message string) int {
	const tooLarge = 1 << 20
	starts := lineStarts(src)
	if len(src) > tooLarge {
		return 0
	}
	lo, hi := 1, len(starts) // lines; hi fails
	for lo < hi {
		mid := (lo + hi) / 2
		if _, err := decode(src[:starts[mid]]); err != nil && parserMessage(err) == message {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return starts[lo-1]
}

// lineStarts are the offsets of the lines.
func lineStarts(src []byte) []int {
	starts := []int{0}
	for at := nextLine(src, 0); at >= 0; at = nextLine(src, at) {
		starts = append(starts, at)
	}
	return starts
}

// nextLine is the offset of the line after the one that at is in, -1 when there is none. Lines are as the parser counts them:
// it also breaks lines at a lone carriage return and at the Unicode line breaks.
func nextLine(src []byte, at int) int {
	for i := at; i < len(src); i++ {
		switch c := src[i]; {
		case c == '\n',
			c == '\r' && (i+1 == len(src) || src[i+1] != '\n'),
			c == 0x85 && i > 0 && src[i-1] == 0xc2,
			(c == 0xa8 || c == 0xa9) && i > 1 && src[i-1] == 0x80 && src[i-2] == 0xe2:
			return i + 1
		}
	}
	return -1
}
