package json

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"rampart/conf/tree"
)

const (
	// maxDepth is the nesting of lists and maps; resources need about ten.
	maxDepth = 100
	// maxErrors is how many are reported; nobody reads more.
	maxErrors = 200
)

// Parse reads every value of a file. After a syntax error the values before it are returned with the diagnostic.
func Parse(f *tree.File) ([]*tree.Node, hcl.Diagnostics) {
	p := &parser{file: f, dec: json.NewDecoder(bytes.NewReader(f.Src))}
	p.dec.UseNumber()
	var roots []*tree.Node
	for {
		tok, start, end, err := p.token()
		if errors.Is(err, io.EOF) {
			return roots, p.diags
		}
		if err != nil {
			p.syntaxError(err)
			return roots, p.diags
		}
		root := p.value(tok, start, end, 0)
		if p.stopped {
			return roots, p.diags
		}
		roots = append(roots, root)
	}
}

type parser struct {
	file    *tree.File
	dec     *json.Decoder
	diags   hcl.Diagnostics
	stopped bool // no more can be read
}

func (p *parser) fail(start, end int, summary, detail string, args ...any) {
	if len(p.diags) >= maxErrors {
		return
	}
	r := p.file.Range(start, end)
	p.diags = append(p.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(detail, args...), Subject: &r})
}

func (p *parser) syntaxError(err error) {
	p.stopped = true
	at := int(p.dec.InputOffset())
	message := err.Error()
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		at = max(at, int(syntax.Offset)-1)
		message = strings.Replace(message, "invalid character", "unexpected character", 1)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		at, message = len(bytes.TrimRight(p.file.Src, " \t\r\n")), "unexpected end of the file"
	}
	at = min(at, len(p.file.Src))
	p.fail(at, min(at+1, len(p.file.Src)), "Invalid JSON", "%s.", message)
}

// token reads the next token and where it is. The decoder tells where a token ends; before it stand white space and the
// separators that the decoder has checked.
func (p *parser) token() (tok json.Token, start, end int, err error) {
	start = int(p.dec.InputOffset())
	tok, err = p.dec.Token()
	end = int(p.dec.InputOffset())
	for start < end && bytes.IndexByte([]byte(" \t\r\n,:"), p.file.Src[start]) >= 0 {
		start++
	}
	return tok, start, end, err
}

// value builds the node whose first token is tok.
func (p *parser) value(tok json.Token, start, end, depth int) *tree.Node {
	node := &tree.Node{File: p.file, Start: start, End: end}
	switch tok := tok.(type) {
	case nil:
		node.Kind = tree.Null
	case bool:
		node.Kind, node.Text = tree.Bool, fmt.Sprint(tok)
	case json.Number:
		node.Kind, node.Text = tree.Number, tok.String()
	case string:
		node.Kind, node.Text = tree.String, tok
	case json.Delim:
		if depth >= maxDepth {
			p.fail(start, end, "Nested too deeply", "Lists and maps may be nested %d deep.", maxDepth)
			p.stopped = true
			return node
		}
		if tok == '[' {
			p.list(node, depth)
		} else {
			p.object(node, depth)
		}
	}
	return node
}

func (p *parser) list(node *tree.Node, depth int) {
	node.Kind = tree.List
	for !p.stopped {
		tok, start, end, err := p.token()
		if err != nil {
			p.syntaxError(err)
			return
		}
		node.End = end
		if tok == json.Delim(']') {
			return
		}
		node.Items = append(node.Items, p.value(tok, start, end, depth+1))
	}
}

func (p *parser) object(node *tree.Node, depth int) {
	node.Kind = tree.Map
	lines := map[string]int{}
	for !p.stopped {
		tok, start, end, err := p.token()
		if err != nil {
			p.syntaxError(err)
			return
		}
		node.End = end
		name, ok := tok.(string)
		if !ok { // the closing brace: the decoder allows nothing else here
			return
		}
		vtok, vstart, vend, err := p.token()
		if err != nil {
			p.syntaxError(err)
			return
		}
		v := p.value(vtok, vstart, vend, depth+1)
		if line, twice := lines[name]; twice {
			p.fail(start, end, "Duplicate key", "%q is already set on line %d.", name, line)
			continue
		}
		lines[name] = p.file.Line(start)
		node.Fields = append(node.Fields, tree.Field{Name: name, Start: start, End: end, Value: v})
	}
}
