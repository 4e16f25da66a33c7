package tree

import (
	"bytes"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// Locate points inside a string: it is the range of the 1-based column (in characters) of its value, as far as source
// and value run in parallel: quotes are skipped and a run of white space in one is a run of white space in the other,
// so folded YAML works. Where they do not (escapes, a value computed by an expression), the range is the whole value's
// and exact is false. The column after the last character is the place of the closing quote.
func (n *Node) Locate(column int) (r hcl.Range, exact bool) {
	src := n.File.Src[n.Start:]
	text := []rune(n.Text)
	if n.Kind != String || column < 1 || column > len(text)+1 || len(src) == 0 {
		return n.Range(), false
	}
	at, ok := walk(src, opening(src), text, column-1)
	if !ok {
		return n.Range(), false
	}
	_, size := utf8.DecodeRune(src[at:])
	return n.File.Range(n.Start+at, n.Start+at+size), true
}

// opening is how many bytes stand before the first character of a value: a quote, or the header of a block scalar.
func opening(src []byte) int {
	switch src[0] {
	case '"', '\'':
		return 1
	case '|', '>':
		if i := bytes.IndexByte(src, '\n'); i >= 0 {
			return i + 1 + spaces(src[i+1:])
		}
	}
	return 0
}

// walk moves through source and value together until it has passed target characters of the value.
func walk(src []byte, at int, text []rune, target int) (int, bool) {
	for i := 0; ; {
		if i < len(text) && isSpace(text[i]) {
			run := i
			for run < len(text) && isSpace(text[run]) {
				run++
			}
			n := spaces(src[at:])
			if n == 0 {
				return 0, false
			}
			if target < run {
				return at + min(target-i, n-1), true
			}
			at, i = at+n, run
			continue
		}
		r, size := utf8.DecodeRune(src[at:])
		if i < len(text) && r != text[i] {
			return 0, false
		}
		if i == target {
			return at, true
		}
		at, i = at+size, i+1
	}
}

// spaces is the length of the run of white space at the start of src.
func spaces(src []byte) int {
	n := 0
	for n < len(src) && isSpace(rune(src[n])) {
		n++
	}
	return n
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }
