package schema

import (
	"encoding"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"

	"rampart/conf/tree"
	"rampart/model"
)

// textCodec is a scalar type that reads and writes itself as text.
type textCodec struct {
	noun, article string
	// number accepts a bare number and writes one where the text is one; numberOnly takes no string.
	number, numberOnly bool
	prefix             bool // netip.Prefix, whose errors need rewording
}

// Noun lets a type name what it is in messages: "port", "failsafe port".
type Noun interface{ Noun() string }

func newTextCodec(t reflect.Type) textCodec {
	switch t {
	case reflect.TypeFor[model.Port]():
		return textCodec{noun: "port", article: "a port number, a range in quotes or a port name", number: true}
	case reflect.TypeFor[model.Protocol]():
		return textCodec{noun: "protocol", article: "a protocol name or number", number: true}
	case reflect.TypeFor[model.IPVersion]():
		return textCodec{noun: "IP version", article: "4 or 6, without quotes", number: true, numberOnly: true}
	case reflect.TypeFor[model.Net]():
		return textCodec{noun: "CIDR", article: "an address or a CIDR"}
	case reflect.TypeFor[netip.Prefix]():
		return textCodec{noun: "CIDR", article: "a CIDR", prefix: true}
	case reflect.TypeFor[netip.Addr]():
		return textCodec{noun: "address", article: "an IP address"}
	}
	noun := "value"
	if n, ok := reflect.Zero(t).Interface().(Noun); ok {
		noun = n.Noun()
	}
	return textCodec{noun: noun, article: "a string"}
}

func (c textCodec) wants() string { return c.article }

func (c textCodec) decode(d *decoder, n *tree.Node, v reflect.Value) {
	n = n.Single()
	switch {
	case n.Kind == tree.String && !c.numberOnly:
	case n.Kind == tree.Number && c.number:
		if !decimalInt.MatchString(n.Text) {
			d.wrongType(n, c, "Write a whole number, in plain decimal.")
			return
		}
	default:
		d.wrongType(n, c, quoteHint(n))
		return
	}
	if err := unmarshal(v, n); err != nil {
		d.invalid(n, "Invalid "+c.noun, "%s", c.explain(n.Text, err))
	}
}

// takesNumber tells whether a bare number is a value of the codec's.
func takesNumber(c codec) bool {
	t, ok := c.(textCodec)
	return ok && t.number
}

// unmarshal hands a number to the type's JSON form, which knows numbers from strings.
func unmarshal(v reflect.Value, n *tree.Node) error {
	target := v.Addr().Interface()
	if j, ok := target.(json.Unmarshaler); ok && n.Kind == tree.Number {
		return j.UnmarshalJSON([]byte(strings.TrimPrefix(n.Text, "+")))
	}
	return target.(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Text))
}

// explain makes a sentence of an UnmarshalText error.
func (c textCodec) explain(text string, err error) string {
	if !c.prefix && c.noun != "address" {
		return upper(err.Error()) + "."
	}
	if a, aerr := netip.ParseAddr(text); aerr == nil && c.prefix {
		return fmt.Sprintf("%q has no prefix length. A single address is written %s.", text, netip.PrefixFrom(a, a.BitLen()))
	}
	reason := err.Error()
	if i := strings.LastIndex(reason, "): "); i >= 0 {
		reason = reason[i+3:]
	}
	return fmt.Sprintf("%s is not %s: %s.", tree.Quote(text), c.article, reason)
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func (c textCodec) encode(_ encoder, v reflect.Value) *tree.Node {
	if c.numberOnly {
		return &tree.Node{Kind: tree.Number, Text: strconv.FormatInt(v.Int(), 10)}
	}
	text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		panic(fmt.Sprintf("schema: %s: %v", v.Type(), err))
	}
	n := &tree.Node{Kind: tree.String, Text: string(text)}
	if c.number && decimalInt.MatchString(n.Text) {
		n.Kind = tree.Number
	}
	return n
}
