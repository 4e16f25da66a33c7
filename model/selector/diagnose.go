package selector

import "strings"

// missingCondition explains why no condition starts at pos.
func (p *parser) missingCondition(pos int) *Error {
	rest := p.text[pos:]
	switch {
	case rest == "":
		return p.errorAt(pos, "the selector ends where a condition was expected")
	case rest[0] == '"' || rest[0] == '\'':
		return p.errorAt(pos, "a condition starts with a label name, which is not quoted")
	case rest[0] == ')':
		return p.errorAt(pos, `found ")" where a condition was expected`)
	case strings.HasPrefix(rest, "&&") || strings.HasPrefix(rest, "||") || strings.HasPrefix(rest, "=="):
		return p.errorAt(pos, "found %q where a condition was expected", rest[:2])
	}
	return p.errorAt(pos, "expected a condition, found %s", p.next(pos))
}

// missingOperator explains why no comparison operator follows a label.
func (p *parser) missingOperator(label string, pos int) *Error {
	rest := p.text[pos:]
	switch {
	case rest == "":
		return p.errorAt(pos, `expected an operator after label %q; to ask for the label alone write has(%s)`, label, label)
	case rest[0] == '=':
		return p.errorAt(pos, `"=" is not an operator: write "=="`)
	case rest[0] == '(' && (label == "has" || label == "all" || label == "global"):
		return p.errorAt(pos, `no blank is allowed between %q and "("`, label)
	case rest[0] == '(':
		return p.errorAt(pos, `there is no function %s(): only has(), all() and global()`, label)
	}
	return p.errorAt(pos, `expected ==, !=, in, not in, contains, starts with or ends with after label %q, found %s`,
		label, p.next(pos))
}

// unexpectedAfterCondition explains what may not follow a complete condition.
func (p *parser) unexpectedAfterCondition() *Error {
	p.skipBlanks()
	rest := p.text[p.pos:]
	switch {
	case rest[0] == '&' || rest[0] == '|':
		return p.errorAt(p.pos, `%q is not an operator: write %q`, rest[:1], rest[:1]+rest[:1])
	case rest[0] == ')':
		return p.errorAt(p.pos, `")" without "("`)
	case rest[0] == ',':
		return p.errorAt(p.pos, `expected "&&" or "||" between conditions, found ","`)
	}
	return p.errorAt(p.pos, `expected "&&", "||" or the end of the selector, found %s`, p.next(p.pos))
}
