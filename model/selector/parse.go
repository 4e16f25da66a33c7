package selector

// Parse reads a selector; "" and blanks are all(). The error, if any, is an *Error.
func Parse(text string) (*Selector, error) {
	p := parser{scanner: scanner{text: text}}
	if p.atEnd() {
		return newSelector(&node{op: opAll}), nil
	}
	root, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if !p.atEnd() {
		return nil, p.unexpectedAfterCondition()
	}
	return newSelector(root), nil
}

// MustParse is Parse for selectors known to be valid; it panics on others.
func MustParse(text string) *Selector {
	s, err := Parse(text)
	if err != nil {
		panic("selector: " + text + ": " + err.Error())
	}
	return s
}

type parser struct{ scanner }

func (p *parser) or(depth int) (*node, *Error)  { return p.chain("||", opOr, depth, p.and) }
func (p *parser) and(depth int) (*node, *Error) { return p.chain("&&", opAnd, depth, p.op) }

// chain reads one or more operands separated by a token; a single one is returned as it is.
func (p *parser) chain(token string, op operator, depth int, operand func(int) (*node, *Error)) (*node, *Error) {
	first, err := operand(depth)
	if err != nil {
		return nil, err
	}
	kids := []*node{first}
	for p.accept(token) {
		k, err := operand(depth)
		if err != nil {
			return nil, err
		}
		kids = append(kids, k)
	}
	if len(kids) == 1 {
		return first, nil
	}
	return &node{op: op, kids: kids}, nil
}

// op reads one condition with the negations before it, which cancel in pairs.
func (p *parser) op(depth int) (*node, *Error) {
	negated := false
	for p.accept("!") {
		negated = !negated
	}
	n, err := p.condition(depth)
	if err != nil {
		return nil, err
	}
	if negated {
		n = &node{op: opNot, kids: []*node{n}}
	}
	return n, nil
}

func (p *parser) condition(depth int) (*node, *Error) {
	p.skipBlanks()
	start := p.pos
	switch {
	case p.accept("("):
		if depth == maxDepth {
			return nil, p.errorAt(start, "parentheses are nested deeper than %d", maxDepth)
		}
		n, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.atEnd() {
			return nil, p.errorAt(start, `"(" is not closed`)
		}
		if !p.accept(")") {
			return nil, p.unexpectedAfterCondition()
		}
		return n, nil
	case p.accept("has("):
		label, err := p.label()
		if err != nil {
			return nil, err
		}
		if label == "" {
			return nil, p.errorAt(p.pos, "expected a label name in has(), found %s", p.next(p.pos))
		}
		if !p.accept(")") {
			return nil, p.errorAt(p.pos, `expected ")" after has(%s, found %s`, label, p.next(p.pos))
		}
		return &node{op: opHas, label: label}, nil
	case p.accept("all("):
		return p.nullary(opAll, "all")
	case p.accept("global("):
		return p.nullary(opGlobal, "global")
	}
	label, err := p.label()
	if err != nil {
		return nil, err
	}
	if label == "" {
		return nil, p.missingCondition(start)
	}
	return p.comparison(label)
}

func (p *parser) nullary(op operator, name string) (*node, *Error) {
	if !p.accept(")") {
		return nil, p.errorAt(p.pos, `expected ")" after %s(, found %s`, name, p.next(p.pos))
	}
	return &node{op: op}, nil
}

// comparison reads what follows a label name.
func (p *parser) comparison(label string) (*node, *Error) {
	p.skipBlanks()
	start := p.pos
	n := &node{label: label}
	var after string
	switch {
	case p.accept("=="):
		n.op, after = opEqual, `"=="`
	case p.accept("!="):
		n.op, after = opNotEqual, `"!="`
	case p.accept("contains"):
		n.op, after = opContains, `"contains"`
	case p.accept("starts"):
		n.op, after = opStartsWith, `"starts with"`
		if !p.accept("with") {
			return nil, p.errorAt(p.pos, `expected "with" after "starts"`)
		}
	case p.accept("ends"):
		n.op, after = opEndsWith, `"ends with"`
		if !p.accept("with") {
			return nil, p.errorAt(p.pos, `expected "with" after "ends"`)
		}
	case p.accept("not"):
		n.op, after = opNotIn, `"not in"`
		if !p.accept("in") {
			return nil, p.errorAt(p.pos, `expected "in" after "not"`)
		}
	case p.accept("in"):
		n.op, after = opIn, `"in"`
	default:
		return nil, p.missingOperator(label, start)
	}
	var err *Error
	if n.op == opIn || n.op == opNotIn {
		n.values, err = p.set(after)
	} else {
		n.value, err = p.quoted(after)
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

// set reads a set literal and returns its members sorted, each once. It is never nil.
func (p *parser) set(after string) ([]string, *Error) {
	p.skipBlanks()
	start := p.pos
	if !p.accept("{") {
		return nil, p.errorAt(p.pos, `expected a set after %s, as in { 'a', 'b' }, found %s`, after, p.next(p.pos))
	}
	values := []string{}
	for {
		if p.accept("}") {
			return set(values), nil
		}
		if p.atEnd() {
			return nil, p.errorAt(start, `"{" is not closed`)
		}
		v, err := p.quoted(`"{" or ","`)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
		if !p.accept(",") && !p.atEnd() && p.text[p.pos] != '}' {
			return nil, p.errorAt(p.pos, `expected "," or "}" in the set, found %s`, p.next(p.pos))
		}
	}
}
