// Package selector parses and evaluates Calico's label selectors.
//
//	sel   := or | ""                             the empty selector is all()
//	or    := and { "||" and }
//	and   := op { "&&" op }
//	op    := { "!" } ( "has(" label ")" | "all()" | "global()" | label cmp | "(" or ")" )
//	cmp   := ( "==" | "!=" | "contains" | "starts with" | "ends with" ) str | ( "in" | "not in" ) set
//	set   := "{" [ str { "," str } [ "," ] ] "}"
//	str   := '"' any but '"' '"' | "'" any but "'" "'"      there are no escapes
//	label := 1 to 512 of A-Z a-z 0-9 _ . / -
//
// White space is space and tab. "!=" and "not in" also match when the label is absent; the other comparisons need it.
// Keywords are words only in the place where they are expected, so a label may be called "in", "has" or "all".
//
// A Selector never changes after it is built and may be used from any goroutine. Matches does not allocate. String
// gives the canonical text, the same as Calico's: values in double quotes where they fit, conjunctions and
// disjunctions in parentheses, sets sorted and free of duplicates. It reads back as the same selector; the one form
// that is then printed shorter is a double negation, "!(!has(a))", whose canonical text is "!!has(a)", as in Calico.
//
// global() parses everywhere and matches everything. Where it is allowed, and what it stands for there, is the
// business of package model.
package selector
