package yaml

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"rampart/conf/tree"
)

// Append writes a tree as one YAML document, without markers, in block style.
func Append(dst []byte, n *tree.Node) []byte {
	if n.Kind == tree.Map && len(n.Fields) > 0 {
		return appendMap(dst, n, 0)
	}
	if n.Kind == tree.List && len(n.Items) > 0 {
		return appendList(dst, n, 0)
	}
	return append(appendScalar(dst, n), '\n')
}

func appendMap(dst []byte, n *tree.Node, indent int) []byte {
	for i, f := range n.Fields {
		if i > 0 {
			dst = pad(dst, indent)
		}
		dst = append(appendString(dst, f.Name), ':')
		switch v := f.Value; {
		case v.Kind == tree.Map && len(v.Fields) > 0:
			dst = pad(append(dst, '\n'), indent+2)
			dst = appendMap(dst, v, indent+2)
		case v.Kind == tree.List && len(v.Items) > 0: // a list is not indented further than the key it belongs to
			dst = pad(append(dst, '\n'), indent)
			dst = appendList(dst, v, indent)
		default:
			dst = append(appendScalar(append(dst, ' '), v), '\n')
		}
	}
	return dst
}

func appendList(dst []byte, n *tree.Node, indent int) []byte {
	for i, v := range n.Items {
		if i > 0 {
			dst = pad(dst, indent)
		}
		dst = append(dst, "- "...)
		switch {
		case v.Kind == tree.Map && len(v.Fields) > 0:
			dst = appendMap(dst, v, indent+2)
		case v.Kind == tree.List && len(v.Items) > 0:
			dst = appendList(dst, v, indent+2)
		default:
			dst = append(appendScalar(dst, v), '\n')
		}
	}
	return dst
}

func pad(dst []byte, n int) []byte { return append(dst, strings.Repeat(" ", n)...) }

func appendScalar(dst []byte, n *tree.Node) []byte {
	switch n.Kind {
	case tree.String:
		return appendString(dst, n.Text)
	case tree.Map:
		return append(dst, "{}"...)
	case tree.List:
		return append(dst, "[]"...)
	case tree.Null:
		return append(dst, "null"...)
	}
	return append(dst, n.Text...)
}

// appendString writes a string plain where no reader, of YAML 1.1 or 1.2, can take it for anything else, and in quotes
// otherwise.
func appendString(dst []byte, s string) []byte {
	switch {
	case isPlain(s):
		return append(dst, s...)
	case strings.ContainsAny(s, `"\`) && isPrintable(s):
		return append(append(append(dst, '\''), strings.ReplaceAll(s, "'", "''")...), '\'')
	}
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case isPrintableRune(r):
			dst = utf8.AppendRune(dst, r)
		case r > 0xffff:
			dst = fmt.Appendf(dst, `\U%08X`, r)
		default:
			dst = fmt.Appendf(dst, `\u%04X`, r)
		}
	}
	return append(dst, '"')
}

var (
	// plainWords are not strings for some reader.
	plainWords = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|y|n|null|nan|inf)$`)
	// numeric covers every notation of numbers, times and dates.
	numeric = regexp.MustCompile(`^[-+]?[0-9.][0-9a-zA-Z_.:+-]*$`)
)

func isPlain(s string) bool {
	switch {
	case s == "" || plainWords.MatchString(s) || !isPrintable(s):
		return false
	case strings.Contains(s, ": ") || strings.Contains(s, " #") || strings.HasSuffix(s, ":") || s != strings.TrimSpace(s):
		return false
	}
	if first := s[0]; !isWordByte(first) && first != '/' {
		return false
	}
	return !numeric.MatchString(s) || isAddress(s)
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func isAddress(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

func isPrintable(s string) bool {
	for _, r := range s {
		if !isPrintableRune(r) {
			return false
		}
	}
	return true
}

func isPrintableRune(r rune) bool { return r != utf8.RuneError && unicode.IsPrint(r) }
