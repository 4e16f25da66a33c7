package selector

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxLength is the longest selector a policy may hold, in bytes (Calico's CRDs). Parse itself has no such limit, since
// selectors that were put together from several are longer.
const MaxLength = 1024

// MaxLabel is the longest label name a selector may mention, in bytes.
const MaxLabel = 512

// maxDepth bounds the nesting of parentheses, so that no input exhausts the stack. A selector of MaxLength bytes
// cannot nest deeper.
const maxDepth = 512

// Error says where and why a selector does not parse.
type Error struct {
	// Column is 1-based and counts characters; Offset is the same place in bytes from the start.
	Column int
	Offset int
	Msg    string
}

// Error is "column N: message".
func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Msg) }

// scanner walks over the text of a selector. Its methods skip blanks first, except where the grammar forbids them.
type scanner struct {
	text string
	pos  int
}

func (s *scanner) errorAt(pos int, format string, args ...any) *Error {
	return &Error{Column: utf8.RuneCountInString(s.text[:pos]) + 1, Offset: pos, Msg: fmt.Sprintf(format, args...)}
}

func (s *scanner) skipBlanks() {
	for s.pos < len(s.text) && (s.text[s.pos] == ' ' || s.text[s.pos] == '\t') {
		s.pos++
	}
}

// accept consumes the token if it comes next.
func (s *scanner) accept(token string) bool {
	s.skipBlanks()
	if strings.HasPrefix(s.text[s.pos:], token) {
		s.pos += len(token)
		return true
	}
	return false
}

func (s *scanner) atEnd() bool {
	s.skipBlanks()
	return s.pos == len(s.text)
}

func isLabelByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '/' || c == '-'
}

// label consumes a label name; it is "" when none comes next.
func (s *scanner) label() (string, *Error) {
	s.skipBlanks()
	start := s.pos
	for s.pos < len(s.text) && isLabelByte(s.text[s.pos]) {
		s.pos++
	}
	if s.pos-start > MaxLabel {
		return "", s.errorAt(start, "label name is longer than %d bytes", MaxLabel)
	}
	return s.text[start:s.pos], nil
}

// quoted consumes a string in single or double quotes.
func (s *scanner) quoted(after string) (string, *Error) {
	s.skipBlanks()
	start := s.pos
	if start == len(s.text) {
		return "", s.errorAt(start, "expected a quoted string after %s, but the selector ends", after)
	}
	quote := s.text[start]
	if quote != '"' && quote != '\'' {
		if word, err := s.label(); err == nil && word != "" {
			return "", s.errorAt(start, "expected a quoted string after %s: write '%s'", after, word)
		}
		return "", s.errorAt(start, "expected a quoted string after %s, found %s", after, s.next(start))
	}
	end := strings.IndexByte(s.text[start+1:], quote)
	if end < 0 {
		return "", s.errorAt(start, "string is not closed: no second %c", quote)
	}
	s.pos = start + 1 + end + 1
	return s.text[start+1 : start+1+end], nil
}

// next describes what stands at pos, for messages.
func (s *scanner) next(pos int) string {
	if pos >= len(s.text) {
		return "the end of the selector"
	}
	switch r, size := utf8.DecodeRuneInString(s.text[pos:]); {
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf("byte 0x%02x", s.text[pos])
	case r == '\n' || r == '\r':
		return "a line break"
	case strings.ContainsRune("‘’“”„‚", r):
		return fmt.Sprintf("%q (strings are quoted with ' or \")", r)
	default:
		return fmt.Sprintf("%q", r)
	}
}
