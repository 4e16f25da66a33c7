package hcl

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"rampart/conf/tree"
)

// Append writes the fields of a Map as the body of a file, formatted.
func Append(dst []byte, n *tree.Node) []byte {
	var b bytes.Buffer
	writeBody(&b, n, 0)
	return append(dst, hclwrite.Format(b.Bytes())...)
}

// writeBody writes attributes, then blocks; the indentation is left to the formatter. In a file and in its outermost
// blocks every block has an empty line before it.
func writeBody(b *bytes.Buffer, n *tree.Node, depth int) {
	empty := true
	for _, f := range n.Fields {
		if !f.Value.Blocks {
			fmt.Fprintf(b, "%s = ", f.Name)
			writeValue(b, f.Value)
			b.WriteByte('\n')
			empty = false
		}
	}
	for _, f := range n.Fields {
		if !f.Value.Blocks {
			continue
		}
		blocks := f.Value.Items
		if f.Value.Kind == tree.Map {
			blocks = []*tree.Node{f.Value}
		}
		for _, block := range blocks {
			writeBlock(b, f.Name, block, depth, empty)
			empty = false
		}
	}
}

func writeBlock(b *bytes.Buffer, name string, n *tree.Node, depth int, first bool) {
	if depth <= 1 && !first {
		b.WriteByte('\n')
	}
	b.WriteString(name)
	for _, label := range n.Labels {
		b.WriteByte(' ')
		writeLabel(b, label.Text)
	}
	if len(n.Fields) == 0 {
		b.WriteString(" {}\n")
		return
	}
	b.WriteString(" {\n")
	writeBody(b, n, depth+1)
	b.WriteString("}\n")
}

// maxInline is how long a list may be to stand in one line.
const maxInline = 80

func writeValue(b *bytes.Buffer, n *tree.Node) {
	switch n.Kind {
	case tree.Null:
		b.WriteString("null")
	case tree.Bool, tree.Number:
		b.WriteString(n.Text)
	case tree.String:
		writeString(b, n.Text)
	case tree.List:
		writeList(b, n)
	default:
		if len(n.Fields) == 0 {
			b.WriteString("{}")
			return
		}
		b.WriteString("{\n")
		for _, f := range n.Fields {
			writeKey(b, f.Name)
			b.WriteString(" = ")
			writeValue(b, f.Value)
			b.WriteByte('\n')
		}
		b.WriteByte('}')
	}
}

func writeList(b *bytes.Buffer, n *tree.Node) {
	items := make([]string, len(n.Items))
	length := 0
	for i, item := range n.Items {
		var one bytes.Buffer
		writeValue(&one, item)
		items[i] = one.String()
		length += utf8.RuneCountInString(items[i]) + len(", ")
	}
	if length <= maxInline {
		b.WriteString("[" + strings.Join(items, ", ") + "]")
		return
	}
	b.WriteString("[\n")
	for _, item := range items {
		b.WriteString(item + ",\n")
	}
	b.WriteByte(']')
}

var plainKey = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

func writeKey(b *bytes.Buffer, key string) {
	switch key {
	case "for", "if", "true", "false", "null", "in":
	default:
		if plainKey.MatchString(key) {
			b.WriteString(key)
			return
		}
	}
	writeString(b, key)
}

// writeString writes a quoted template that holds only text.
func writeString(b *bytes.Buffer, s string) { writeQuoted(b, s, true) }

// writeLabel writes a block label, in which "${" has no meaning.
func writeLabel(b *bytes.Buffer, s string) { writeQuoted(b, s, false) }

func writeQuoted(b *bytes.Buffer, s string, template bool) {
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case template && (r == '$' || r == '%') && strings.HasPrefix(s[i+1:], "{"):
			b.WriteRune(r)
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(b, `\U%08x`, r)
		default:
			fmt.Fprintf(b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
}

// Format brings HCL into the canonical layout. It keeps comments and changes nothing but white space. Text with syntax
// errors is not formatted.
func Format(f *tree.File) ([]byte, hcl.Diagnostics) {
	if diags := guard(f); diags.HasErrors() {
		return nil, diags
	}
	if _, diags := hclsyntax.ParseConfig(f.Src, f.Name, hcl.InitialPos); diags.HasErrors() {
		return nil, bounded(f, diags)
	}
	return hclwrite.Format(f.Src), nil
}
