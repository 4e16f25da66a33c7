package schema

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rampart/conf/tree"
)

// yaml11Bools are the words, beside true and false, that YAML 1.1 reads as booleans when they stand without quotes.
// Calico's tools do; YAML 1.2 reads strings.
var yaml11Bools = map[string]bool{"y": true, "yes": true, "on": true, "n": false, "no": false, "off": false}

func yaml11Bool(n *tree.Node) (value, ok bool) {
	if !n.Plain || n.Kind != tree.String {
		return false, false
	}
	value, ok = yaml11Bools[strings.ToLower(n.Text)]
	return value, ok
}

type stringCodec struct{}

func (stringCodec) wants() string { return "a string" }

func (c stringCodec) decode(d *decoder, n *tree.Node, v reflect.Value) {
	if n = n.Single(); n.Kind != tree.String {
		d.wrongType(n, c, quoteHint(n))
		return
	}
	if _, ok := yaml11Bool(n); ok && d.kind != "" { // nobody but us reads what is not a resource
		d.ambiguous(n)
		return
	}
	v.SetString(n.Text)
}

func (d *decoder) ambiguous(n *tree.Node) {
	d.invalid(n, "Ambiguous value",
		"Calico's tools, like all that read YAML 1.1, take a bare %s for a boolean. Write %q in quotes.", n.Text, n.Text)
}

func (stringCodec) encode(_ encoder, v reflect.Value) *tree.Node {
	return &tree.Node{Kind: tree.String, Text: v.String()}
}

// quoteHint says how to make a string of a number or boolean.
func quoteHint(n *tree.Node) string {
	if n.Kind != tree.Bool && n.Kind != tree.Number {
		return ""
	}
	return fmt.Sprintf("Write %q in quotes.", n.Text)
}

type boolCodec struct{}

func (boolCodec) wants() string { return "true or false" }

func (c boolCodec) decode(d *decoder, n *tree.Node, v reflect.Value) {
	n = n.Single()
	if n.Kind == tree.Bool {
		v.SetBool(n.Text == "true")
		return
	}
	if b, ok := yaml11Bool(n); ok && len(n.Text) > 1 {
		v.SetBool(b)
		return
	}
	hint := ""
	if n.Kind == tree.String && (n.Text == "true" || n.Text == "false") {
		hint = fmt.Sprintf("Write %s without quotes.", n.Text)
	}
	d.wrongType(n, c, hint)
}

func (boolCodec) encode(_ encoder, v reflect.Value) *tree.Node {
	return &tree.Node{Kind: tree.Bool, Text: strconv.FormatBool(v.Bool())}
}

var (
	decimalInt   = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)
	decimalFloat = regexp.MustCompile(`^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$`)
	leadingZero  = regexp.MustCompile(`^[-+]?0[0-9]`)
)

// isDecimal reports a number that is not written in plain decimal: YAML's other notations mean different numbers to
// different readers (010 is eight in YAML 1.1 and ten in YAML 1.2).
func (d *decoder) isDecimal(n *tree.Node, c codec) bool {
	if decimalFloat.MatchString(n.Text) && !leadingZero.MatchString(n.Text) {
		return true
	}
	d.wrongType(n, c, "Write numbers in plain decimal.")
	return false
}

type intCodec struct{ t reflect.Type }

func (c intCodec) wants() string {
	switch c.t.Kind() {
	case reflect.Uint, reflect.Uint64:
		return "a whole number of 0 or more"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<c.t.Bits()-1)
	}
	return "a whole number"
}

func (c intCodec) decode(d *decoder, n *tree.Node, v reflect.Value) {
	n = n.Single()
	if n.Kind != tree.Number {
		d.wrongType(n, c, unquoteHint(n))
		return
	}
	if !d.isDecimal(n, c) {
		return
	}
	text := strings.TrimPrefix(n.Text, "+")
	if v.CanUint() {
		u, err := strconv.ParseUint(text, 10, c.t.Bits())
		if err != nil {
			d.wrongType(n, c, "")
			return
		}
		v.SetUint(u)
		return
	}
	i, err := strconv.ParseInt(text, 10, c.t.Bits())
	if err != nil {
		d.wrongType(n, c, "")
		return
	}
	v.SetInt(i)
}

func (intCodec) encode(_ encoder, v reflect.Value) *tree.Node {
	if v.CanUint() {
		return &tree.Node{Kind: tree.Number, Text: strconv.FormatUint(v.Uint(), 10)}
	}
	return &tree.Node{Kind: tree.Number, Text: strconv.FormatInt(v.Int(), 10)}
}

// unquoteHint says how to make a number of a string.
func unquoteHint(n *tree.Node) string {
	if n.Kind == tree.String && !n.Plain && decimalFloat.MatchString(n.Text) {
		return fmt.Sprintf("Write %s without quotes.", n.Text)
	}
	return ""
}

type floatCodec struct{}

func (floatCodec) wants() string { return "a number" }

func (c floatCodec) decode(d *decoder, n *tree.Node, v reflect.Value) {
	n = n.Single()
	if n.Kind != tree.Number {
		d.wrongType(n, c, unquoteHint(n))
		return
	}
	if !d.isDecimal(n, c) {
		return
	}
	f, err := strconv.ParseFloat(n.Text, 64)
	if err != nil || math.IsInf(f, 0) {
		d.wrongType(n, c, "The number is too large.")
		return
	}
	v.SetFloat(f)
}

func (floatCodec) encode(_ encoder, v reflect.Value) *tree.Node {
	f, format := v.Float(), byte('g')
	if math.Abs(f) < 1e15 {
		format = 'f'
	}
	return &tree.Node{Kind: tree.Number, Text: strconv.FormatFloat(f, format, -1, 64)}
}

type durationCodec struct{}

func (durationCodec) wants() string { return `a duration such as "100ms" or "5s"` }

func (c durationCodec) decode(d *decoder, n *tree.Node, v reflect.Value) {
	n = n.Single()
	if n.Kind != tree.String {
		d.wrongType(n, c, "")
		return
	}
	dur, err := time.ParseDuration(n.Text)
	if err != nil {
		d.invalid(n, "Invalid duration", "%q must be %s, not %s.", d.here(), c.wants(), n.Describe())
		return
	}
	v.SetInt(int64(dur))
}

func (durationCodec) encode(_ encoder, v reflect.Value) *tree.Node {
	return &tree.Node{Kind: tree.String, Text: time.Duration(v.Int()).String()}
}
