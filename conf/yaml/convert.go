package yaml

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	yaml "go.yaml.in/yaml/v3"

	"rampart/conf/tree"
)

// Bounds on what a document may expand to.
const (
	// maxDepth is the nesting of lists and maps; resources need about ten.
	maxDepth = 100
	// maxAliased is how many nodes aliases may add to a document, counted at each use; small documents get less, in
	// proportion to their size.
	maxAliased = 100_000
	// maxErrors is how many are reported; nobody reads more.
	maxErrors = 200
)

// converter turns the parser's nodes into tree nodes. Aliases share the node of their anchor.
type converter struct {
	file  *tree.File
	base  int // offset of the document in the file
	src   []byte
	lines []int
	seen  map[*yaml.Node]*shared // anchors
	added int                    // nodes added by aliases so far
	count int                    // nodes converted so far, aliases expanded
	diags hcl.Diagnostics
	// line, column and byte of the last position found: nodes come in order, and lines may be long.
	last struct{ line, column, at int }
}

// shared is an anchored node and how many nodes it holds. A nil node means that it is not complete yet.
type shared struct {
	node *tree.Node
	size int
}

func (c *converter) fail(start, end int, summary, detail string, args ...any) *tree.Node {
	if len(c.diags) >= maxErrors {
		return nil
	}
	r := c.file.Range(c.base+start, c.base+end)
	c.diags = append(c.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(detail, args...), Subject: &r})
	return nil
}

// offset is the place of a node in the document. The parser counts columns in characters.
func (c *converter) offset(n *yaml.Node) int {
	line := min(max(n.Line, 1), len(c.lines))
	at, column := c.lines[line-1], 1
	if line == c.last.line && n.Column >= c.last.column {
		at, column = c.last.at, c.last.column
	}
	for ; column < n.Column && at < len(c.src); column++ {
		if c.src[at] < utf8.RuneSelf {
			at++
			continue
		}
		_, size := utf8.DecodeRune(c.src[at:])
		at += size
	}
	c.last.line, c.last.column, c.last.at = line, column, at
	return at
}

// lineEnd is the end of the line that holds at.
func (c *converter) lineEnd(at int) int { return c.file.LineEnd(c.base+at) - c.base }

// value converts one node, or returns nil after reporting why not.
func (c *converter) value(n *yaml.Node, depth int) *tree.Node {
	at := c.offset(n)
	if depth > maxDepth {
		return c.fail(at, c.lineEnd(at), "Nested too deeply", "Lists and maps may be nested %d deep.", maxDepth)
	}
	if n.Kind == yaml.AliasNode {
		return c.alias(n, at)
	}
	c.count++
	before := c.count
	var anchor *shared
	if n.Anchor != "" {
		anchor = &shared{}
		c.seen[n] = anchor
		at = c.skipProperties(at)
	} else if n.Style&yaml.TaggedStyle != 0 {
		at = c.skipProperties(at)
	}
	node := &tree.Node{File: c.file, Start: c.base + at}
	ok := n.Kind == yaml.ScalarNode || n.Tag == "!!map" || n.Tag == "!!seq"
	if !ok {
		return c.fail(at, c.lineEnd(at), "Unsupported tag", "The tag %q is not supported.", n.Tag)
	}
	switch n.Kind {
	case yaml.ScalarNode:
		ok = c.scalar(n, node, at)
	case yaml.SequenceNode:
		ok = c.list(n, node, depth)
	case yaml.MappingNode:
		ok = c.mapping(n, node, depth)
	}
	if !ok {
		return nil
	}
	if anchor != nil {
		anchor.node, anchor.size = node, c.count-before+1
	}
	return node
}

func (c *converter) alias(n *yaml.Node, at int) *tree.Node {
	target := c.seen[n.Alias]
	switch {
	case target == nil && len(c.diags) == 0:
		return c.fail(at, c.lineEnd(at), "Invalid alias", "%q does not refer to a value.", "*"+n.Value)
	case target == nil:
		return nil // the anchor could not be read and has been reported
	case target.node == nil && len(c.diags) == 0:
		return c.fail(at, c.lineEnd(at), "Alias inside its own anchor", "%q refers to a value that contains this alias.", "*"+n.Value)
	case target.node == nil:
		return nil
	}
	c.added += target.size
	c.count += target.size
	if limit := min(maxAliased, 1000+10*len(c.src)); c.added > limit {
		return c.fail(at, c.lineEnd(at), "Aliases expand too far", "The aliases of this document may stand for %d values altogether.", limit)
	}
	return target.node
}

// skipProperties moves past "&anchor" and "!tag" before a value.
func (c *converter) skipProperties(at int) int {
	for at < len(c.src) && (c.src[at] == '&' || c.src[at] == '!') {
		for at < len(c.src) && !bytes.ContainsRune([]byte(" \t\r\n"), rune(c.src[at])) {
			at++
		}
		for at < len(c.src) && bytes.ContainsRune([]byte(" \t\r\n"), rune(c.src[at])) {
			at++
		}
	}
	return at
}

func (c *converter) list(n *yaml.Node, node *tree.Node, depth int) bool {
	node.Kind = tree.List
	node.Items = make([]*tree.Node, 0, len(n.Content))
	ok := true
	for _, item := range n.Content {
		v := c.value(item, depth+1)
		if v == nil {
			ok = false
			continue
		}
		node.Items = append(node.Items, v)
		node.End = max(node.End, v.End)
	}
	c.close(node, n)
	return ok
}

func (c *converter) mapping(n *yaml.Node, node *tree.Node, depth int) bool {
	node.Kind = tree.Map
	node.Fields = make([]tree.Field, 0, len(n.Content)/2)
	names := fieldNames{}
	var merges []*tree.Node
	ok := true
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, at := n.Content[i], c.offset(n.Content[i])
		if key.Anchor != "" || key.Style&yaml.TaggedStyle != 0 {
			at = c.skipProperties(at)
		}
		end := scalarEnd(c.src, at, key)
		if key.Kind != yaml.ScalarNode {
			c.fail(at, c.lineEnd(at), "Invalid key", "A key must be a plain or quoted string.")
			ok = false
			continue
		}
		v := c.value(n.Content[i+1], depth+1)
		if v == nil {
			ok = false
			continue
		}
		node.End = max(node.End, v.End)
		if key.Tag == "!!merge" {
			merges = append(merges, v)
			continue
		}
		if first, twice := names.add(node, key.Value); twice {
			c.fail(at, end, "Duplicate key", "%q is already set on line %d.", key.Value, c.file.Line(first.Start))
			ok = false
			continue
		}
		node.Fields = append(node.Fields, tree.Field{Name: key.Value, Start: c.base + at, End: c.base + end, Value: v})
	}
	for _, m := range merges {
		ok = c.merge(node, m, &names) && ok
	}
	c.close(node, n)
	return ok
}

// merge adds the fields of a "<<" map, or of a list of them, that the map does not set itself.
func (c *converter) merge(into, from *tree.Node, names *fieldNames) bool {
	switch from.Kind {
	case tree.Map:
		for _, f := range from.Fields {
			if _, twice := names.add(into, f.Name); !twice {
				into.Fields = append(into.Fields, f)
			}
		}
		return true
	case tree.List:
		ok := true
		for _, item := range from.Items {
			ok = item.Kind == tree.Map && c.merge(into, item, names) && ok
		}
		if ok {
			return true
		}
	}
	c.fail(from.Start-c.base, from.End-c.base, "Invalid merge", "\"<<\" takes a map or a list of maps, not %s.", from.Describe())
	return false
}

// close gives a list or map its end: that of its last value, or of its closing bracket when that comes next.
func (c *converter) close(node *tree.Node, n *yaml.Node) {
	src := c.file.Src
	if n.Style&yaml.FlowStyle == 0 {
		return
	}
	end := max(node.End, node.Start+len("["))
	for end < len(src) && (src[end] == ' ' || src[end] == ',') {
		end++
	}
	if end < len(src) && (src[end] == ']' || src[end] == '}') {
		node.End = end + 1
	}
	node.End = max(node.End, node.Start+len("["))
}

// fieldNames finds duplicate keys: by a scan while a map is small, else by an index.
type fieldNames struct{ index map[string]int }

func (s *fieldNames) add(node *tree.Node, name string) (tree.Field, bool) {
	const small = 16
	if len(node.Fields) < small {
		for _, f := range node.Fields {
			if f.Name == name {
				return f, true
			}
		}
		return tree.Field{}, false
	}
	if s.index == nil {
		s.index = map[string]int{}
		for i, f := range node.Fields {
			s.index[f.Name] = i
		}
	}
	if i, ok := s.index[name]; ok {
		return node.Fields[i], true
	}
	s.index[name] = len(node.Fields)
	return tree.Field{}, false
}

func (c *converter) scalar(n *yaml.Node, node *tree.Node, at int) bool {
	quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	node.Plain = !quoted && n.Style&yaml.TaggedStyle == 0
	node.Text = n.Value
	end := scalarEnd(c.src, at, n)
	node.End = c.base + end
	switch n.Tag {
	case "!!str", "!!timestamp", "!!merge":
		node.Kind = tree.String
	case "!!int", "!!float":
		node.Kind = tree.Number
	case "!!bool":
		node.Kind, node.Text = tree.Bool, strings.ToLower(n.Value)
	case "!!null":
		node.Kind, node.Text = tree.Null, ""
	default:
		c.fail(at, end, "Unsupported tag", "The tag %q is not supported.", n.Tag)
		return false
	}
	return true
}

// scalarEnd finds the end of a scalar that starts at at: the parser does not tell.
func scalarEnd(src []byte, at int, n *yaml.Node) int {
	rest := src[min(at, len(src)):]
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		for i := 1; i < len(rest); i++ {
			if rest[i] == '\\' {
				i++
			} else if rest[i] == '"' {
				return at + i + 1
			}
		}
	case n.Style&yaml.SingleQuotedStyle != 0:
		for i := 1; i < len(rest); i++ {
			if rest[i] != '\'' {
				continue
			}
			if i+1 == len(rest) || rest[i+1] != '\'' {
				return at + i + 1
			}
			i++
		}
	case bytes.HasPrefix(rest, []byte(n.Value)):
		return at + len(n.Value)
	}
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return at + len(bytes.TrimRight(rest, " \t\r"))
}
