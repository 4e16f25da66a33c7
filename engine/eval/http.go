package eval

import (
	"slices"
	"strings"

	"rampart/model"
)

// MatchHTTP tells whether a request satisfies an HTTP clause. A nil clause matches everything; a clause without a request
// matches nothing, so a rule with one never opens a connection that is not HTTP. Methods compare case-sensitively, "*"
// and an empty list match any. Paths compare after NormalizePath; a prefix matches at segment borders, so /foo matches
// /foo and /foo/x but not /foobar.
func MatchHTTP(m *model.HTTPMatch, r *model.HTTPRequest) bool {
	if m == nil {
		return true
	}
	if r == nil || r.Method == "" {
		return false
	}
	if len(m.Methods) > 0 && !slices.Contains(m.Methods, "*") && !slices.Contains(m.Methods, r.Method) {
		return false
	}
	if len(m.Paths) == 0 {
		return true
	}
	path, ok := NormalizePath(r.Path)
	return ok && slices.ContainsFunc(m.Paths, func(p model.HTTPPaths) bool { return matchPath(p, path) })
}

func matchPath(p model.HTTPPaths, path string) bool {
	if p.Exact != "" {
		want, ok := NormalizePath(p.Exact)
		return ok && path == want
	}
	prefix, ok := NormalizePath(p.Prefix)
	if !ok || p.Prefix == "" {
		return false
	}
	return prefix == "/" || path == prefix || strings.HasPrefix(path, prefix+"/")
}

// NormalizePath reduces a request path to the one that servers agree on: query and fragment cut off, percent escapes
// decoded once, backslashes turned to slashes, empty, "." and ".." segments resolved (also when they carry a matrix
// parameter, as in "..;x"), no slash at the end. It refuses what servers read in different ways: a path that does not
// start with "/", a broken escape, a NUL, and an escape that decodes to another escape.
func NormalizePath(p string) (string, bool) {
	if i := strings.IndexAny(p, "?#"); i >= 0 {
		p = p[:i]
	}
	if !strings.HasPrefix(p, "/") {
		return "", false
	}
	p, ok := unescape(p)
	if !ok || strings.Contains(p, "\x00") {
		return "", false
	}
	var kept []string
	for seg := range strings.SplitSeq(strings.ReplaceAll(p, `\`, "/"), "/") {
		bare, _, _ := strings.Cut(seg, ";")
		switch {
		case bare == "" && seg == "", bare == ".":
		case bare == "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, seg)
		}
	}
	return "/" + strings.Join(kept, "/"), true
}

// unescape decodes percent escapes once; a result that still holds one was encoded twice.
func unescape(s string) (string, bool) {
	if !strings.Contains(s, "%") {
		return s, true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		hi, lo, ok := escapeAt(s, i)
		if !ok {
			return "", false
		}
		b.WriteByte(hi<<4 | lo)
		i += 2
	}
	out := b.String()
	for i := range len(out) {
		if _, _, ok := escapeAt(out, i); ok && out[i] == '%' {
			return "", false
		}
	}
	return out, true
}

// escapeAt reads the two hexadecimal digits after position i.
func escapeAt(s string, i int) (hi, lo byte, ok bool) {
	if i+2 >= len(s) {
		return 0, 0, false
	}
	hi, okHi := hexDigit(s[i+1])
	lo, okLo := hexDigit(s[i+2])
	return hi, lo, okHi && okLo
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
