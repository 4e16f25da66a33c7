package hcl

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"rampart/conf/tree"
)

// Bounds on what the parser is given: it recurses on nesting and on chains of signs, and computes with numbers of any
// size.
const (
	maxDepth  = 60
	maxSigns  = 4
	maxNumber = 40 // characters
	// maxPieces is how many literal pieces a string may be scanned as; "$" and "%" start new ones. The parser joins them
	// in quadratic time.
	maxPieces = 2000
)

// guard looks at the tokens of a file for what the parser must not see: nesting without bound, numbers without bound,
// and the operators and directives that configuration has no use for.
func guard(f *tree.File) hcl.Diagnostics {
	tokens, _ := hclsyntax.LexConfig(f.Src, f.Name, hcl.InitialPos) // the parser reports what the scanner finds wrong
	var diags hcl.Diagnostics
	fail := func(r hcl.Range, summary, detail string, args ...any) {
		r = f.Range(r.Start.Byte, r.End.Byte)
		diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(detail, args...), Subject: &r})
	}
	depth, signs, pieces := 0, 0, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit:
			if pieces++; pieces > maxPieces {
				fail(t.Range, "Invalid string", "There are too many \"$\" and \"%%\" signs in this string.")
				return diags
			}
			continue
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp:
			if depth++; depth > maxDepth {
				fail(t.Range, "Nested too deeply", "Blocks, lists, maps and expressions may be nested %d deep.", maxDepth)
				return diags
			}
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			depth = max(0, depth-1)
		case hclsyntax.TokenMinus:
			if signs++; signs > maxSigns {
				fail(t.Range, "Invalid expression", "Too many signs.")
				return diags
			}
			continue
		case hclsyntax.TokenNumberLit:
			if len(t.Bytes) > maxNumber || hasLongExponent(t.Bytes) {
				fail(t.Range, "Invalid number", "The number is too large or too precise.")
			}
		case hclsyntax.TokenTemplateControl:
			fail(t.Range, "Unsupported template", "Templates have ${…} and no directives. For the text \"%%{\" write \"%%%%{\".")
		case hclsyntax.TokenBang, hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenAnd, hclsyntax.TokenOr:
			fail(t.Range, "Unsupported operator", "There are no operators here. A selector stands in quotes.")
		case hclsyntax.TokenSlash:
			fail(t.Range, "Unsupported operator", "There are no operators here. A key or value with \"/\" stands in quotes.")
		case hclsyntax.TokenStar, hclsyntax.TokenPercent, hclsyntax.TokenPlus, hclsyntax.TokenLessThan, hclsyntax.TokenLessThanEq,
			hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq, hclsyntax.TokenQuestion, hclsyntax.TokenEllipsis:
			fail(t.Range, "Unsupported operator", "There are no operators here.")
		}
		signs, pieces = 0, 0
		if len(diags) >= 20 {
			return diags
		}
	}
	return diags
}

func hasLongExponent(number []byte) bool {
	for i, c := range number {
		if c == 'e' || c == 'E' {
			return len(number)-i > len("e+308")
		}
	}
	return false
}
