package yaml

import (
	"bytes"
	"strings"

	"rampart/conf/tree"
)

// Most manifests are written in a small part of YAML: block mappings with plain keys, block sequences, and values on one
// line, plain or in quotes without escapes. parsePlain reads that part several times faster than the parser of the whole
// language, and leaves all else to it: what it does not know for certain it does not read at all. So errors are always those
// of the whole parser.

// parsePlain reads a document of the small part. ok is false for all others. The tree is made in the given memory.
func parsePlain(f *tree.File, doc Document, nodes *arena) (root *tree.Node, ok bool) {
	src := f.Src[doc.Start:doc.End]
	for _, c := range src {
		if c < ' ' && c != '\n' || c >= 0x7f {
			return nil, false
		}
	}
	p := plainParser{file: f, base: doc.Start, src: src, arena: nodes}
	p.next()
	if p.indent == 0 && bytes.Equal(src[p.at:p.end], []byte("---")) {
		p.next()
	}
	if p.at == len(src) || p.indent != 0 || p.item() {
		return nil, false
	}
	root = p.mapping(0, p.at, 0)
	if root == nil || p.at != len(src) {
		return nil, false
	}
	return root, true
}

// plainParser stands at the beginning of what is left of a line.
type plainParser struct {
	file *tree.File
	base int
	src  []byte
	// at is where the rest of the line begins, end where the line ends; both are len(src) at the end of the document. indent
	// is the column of at: behind "- " it is deeper than the line's own.
	at, end, indent int
	*arena
}

// next goes to the next line that has something beside a comment.
func (p *plainParser) next() {
	at := p.end
	if at > 0 || p.at > 0 {
		at = min(at+1, len(p.src))
	}
	for at < len(p.src) {
		p.end = len(p.src)
		if i := bytes.IndexByte(p.src[at:], '\n'); i >= 0 {
			p.end = at + i
		}
		start := at
		for at < p.end && p.src[at] == ' ' {
			at++
		}
		if at < p.end && p.src[at] != '#' {
			p.at, p.indent = at, at-start
			return
		}
		at = min(p.end+1, len(p.src))
	}
	p.at, p.end, p.indent = len(p.src), len(p.src), 0
}

func (p *plainParser) done() bool { return p.at == len(p.src) }

// item tells that a sequence's item begins here.
func (p *plainParser) item() bool {
	return p.src[p.at] == '-' && (p.at+1 == p.end || p.src[p.at+1] == ' ')
}

func (p *plainParser) node(kind tree.Kind, start int) *tree.Node {
	n := &p.nodes.take(1)[0]
	n.File, n.Kind, n.Start = p.file, kind, p.base+start
	return n
}

// mapping reads a block mapping whose keys are at the given column; the first one is here.
func (p *plainParser) mapping(column, start, depth int) *tree.Node {
	if depth > maxDepth/2 {
		return nil
	}
	m := p.node(tree.Map, start)
	mine := len(p.openFields) // those below are of mappings around this one
	for !p.done() && p.indent == column && !p.item() {
		key := p.at
		n := keyLength(p.src[key:p.end])
		before := p.openFields[mine:]
		if n == 0 || len(before) == 64 {
			return nil
		}
		name := fieldName(p.src[key : key+n])
		for i := range before {
			if before[i].Name == name {
				return nil
			}
		}
		p.at += n + 1
		v := p.value(column, depth)
		if v == nil {
			return nil
		}
		p.openFields = append(p.openFields, tree.Field{Name: name, Start: p.base + key, End: p.base + key + n, Value: v})
		m.End = max(m.End, v.End)
	}
	if !p.done() && p.indent > column {
		return nil // the last value goes on, or it is an error
	}
	m.Fields = p.fields.keep(p.openFields[mine:])
	p.openFields = p.openFields[:mine]
	return m
}

// value reads what follows a key: the rest of its line, or the block below.
func (p *plainParser) value(column, depth int) *tree.Node {
	for p.at < p.end && p.src[p.at] == ' ' {
		p.at++
	}
	if p.at < p.end {
		return p.scalar()
	}
	p.next()
	switch {
	case p.done() || p.indent < column:
		return nil
	case p.item():
		return p.sequence(p.indent, depth+1)
	case p.indent > column:
		return p.mapping(p.indent, p.at, depth+1)
	}
	return nil
}

// sequence reads a block sequence whose dashes are at the given column; the first one is here.
func (p *plainParser) sequence(column, depth int) *tree.Node {
	if depth > maxDepth/2 {
		return nil
	}
	l := p.node(tree.List, p.at)
	mine := len(p.openItems)
	for !p.done() && p.indent == column && p.item() {
		dash := p.at
		p.at++
		for p.at < p.end && p.src[p.at] == ' ' {
			p.at++
		}
		if p.at == p.end || p.item() {
			return nil
		}
		var v *tree.Node
		if keyLength(p.src[p.at:p.end]) > 0 {
			p.indent = column + p.at - dash
			v = p.mapping(p.indent, p.at, depth+1)
		} else {
			v = p.scalar()
		}
		if v == nil {
			return nil
		}
		p.openItems = append(p.openItems, v)
		l.End = max(l.End, v.End)
	}
	if !p.done() && p.indent > column {
		return nil
	}
	l.Items = p.items.keep(p.openItems[mine:])
	p.openItems = p.openItems[:mine]
	return l
}

// keyLength is the length of the plain key at the beginning of a line, without its colon; 0 when there is none, or a key
// that may be more than text.
func keyLength(line []byte) int {
	const longest = 200
	for i, c := range line {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', i > 0 && (c >= '0' && c <= '9' || c == '-' || c == '.' || c == '/'):
		case c == ':' && i > 0 && i < longest && (i+1 == len(line) || line[i+1] == ' '):
			return i
		default:
			return 0
		}
	}
	return 0
}

// scalar reads a value that is the rest of a line, and goes to the next line.
func (p *plainParser) scalar() *tree.Node {
	line := p.src[p.at:p.end]
	n := p.node(tree.String, p.at)
	switch c := line[0]; {
	case c == '"' || c == '\'':
		end := bytes.IndexByte(line[1:], c) + 1
		if end == 0 || end != len(line)-1 || bytes.IndexByte(line, '\\') >= 0 {
			return nil
		}
		n.Text = string(line[1:end])
	default:
		kind, ok := plainKind(line)
		if !ok {
			return nil
		}
		n.Kind, n.Text, n.Plain = kind, string(line), true
	}
	n.End = n.Start + len(line)
	p.next()
	return n
}

// plainKind tells what a plain scalar is; ok is false when that takes more than a look.
func plainKind(text []byte) (kind tree.Kind, ok bool) {
	last := text[len(text)-1]
	if last == ' ' || last == ':' {
		return 0, false
	}
	digits, dots, marks := 0, 0, 0
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
		case c == '.':
			dots++
		case c == '/' || c == ':' && i+1 < len(text) && text[i+1] != ' ':
			marks++
		case i > 0 && (c == '-' || c == ' ' || c == '=' || c == '(' || c == ')' || c == '\'' || c == '"' || c == '!' || c == '&' || c == '|' || c == ','):
		default:
			return 0, false
		}
	}
	switch first := text[0]; {
	case first >= '0' && first <= '9':
		switch {
		case digits == len(text) && (digits == 1 || first != '0') && digits < 18:
			return tree.Number, true
		case marks > 0 || dots > 1:
			return tree.String, true // no number has a slash, a colon or two points
		}
		return 0, false
	case first == '/' || first == '_':
		return tree.String, true
	case first == '.' || first == ':':
		return 0, false
	}
	for _, word := range []string{"true", "false", "null"} {
		if strings.EqualFold(word, string(text)) {
			return 0, false
		}
	}
	return tree.String, true
}

// names are those of fields that most manifests have, so that they need not be stored anew each time.
var names = func() map[string]string {
	m := map[string]string{}
	for _, n := range strings.Fields(`apiVersion kind metadata name namespace labels annotations spec node interfaceName
		ipNetworks profiles ports protocol port orchestrator workload endpoint pod selector order tier types ingress egress action
		source destination nets notNets notSelector namespaceSelector notPorts expectedIPs serviceAccountName`) {
		m[n] = n
	}
	return m
}()

func fieldName(b []byte) string {
	if n, ok := names[string(b)]; ok {
		return n
	}
	return string(b)
}
