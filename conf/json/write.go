package json

import (
	"encoding/json"
	"strings"

	"rampart/conf/tree"
)

// Append writes a tree as indented JSON, fields in the order they have, and a line break.
func Append(dst []byte, n *tree.Node) []byte { return append(appendValue(dst, n, 0), '\n') }

func appendValue(dst []byte, n *tree.Node, depth int) []byte {
	switch n.Kind {
	case tree.Null:
		return append(dst, "null"...)
	case tree.Bool, tree.Number:
		return append(dst, n.Text...)
	case tree.String:
		return appendString(dst, n.Text)
	case tree.List:
		if len(n.Items) == 0 {
			return append(dst, "[]"...)
		}
		dst = append(dst, '[')
		for i, item := range n.Items {
			dst = appendValue(newLine(dst, i, depth+1), item, depth+1)
		}
		return append(newLine(dst, 0, depth), ']')
	}
	if len(n.Fields) == 0 {
		return append(dst, "{}"...)
	}
	dst = append(dst, '{')
	for i, f := range n.Fields {
		dst = append(appendString(newLine(dst, i, depth+1), f.Name), ": "...)
		dst = appendValue(dst, f.Value, depth+1)
	}
	return append(newLine(dst, 0, depth), '}')
}

// newLine starts the i-th element of a list or map.
func newLine(dst []byte, i, depth int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return append(append(dst, '\n'), strings.Repeat("  ", depth)...)
}

func appendString(dst []byte, s string) []byte {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // selectors are full of && and quotes
	enc.Encode(s)            // a string cannot fail
	return append(dst, strings.TrimSuffix(b.String(), "\n")...)
}
