package ruleset

import (
	"fmt"
	"strings"
)

// Text is the whole table in nft(8) syntax, in the order and form of "nft list table".
func (r *Ruleset) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n", r.Table)
	first := true
	gap := func() {
		if !first {
			b.WriteByte('\n')
		}
		first = false
	}
	for _, s := range r.Sets {
		gap()
		s.writeTo(&b)
	}
	for _, c := range r.Chains {
		gap()
		c.writeTo(&b)
	}
	b.WriteString("}\n")
	return b.String()
}

func (s *Set) writeTo(b *strings.Builder) {
	kind := "set"
	if s.Verdicts {
		kind = "map"
	}
	fmt.Fprintf(b, "\t%s %s {\n\t\ttype %s\n", kind, s.Name, s.TypeText())
	if s.Size != 0 {
		fmt.Fprintf(b, "\t\tsize %d\n", s.Size)
	}
	if s.Interval {
		b.WriteString("\t\tflags interval\n")
	}
	if s.Counters {
		b.WriteString("\t\tcounter\n")
	}
	if s.Comment != "" {
		fmt.Fprintf(b, "\t\tcomment %s\n", quote(s.Comment))
	}
	if s.Len() > 0 {
		b.WriteString("\t\telements = { ")
		first := true
		for e := range s.All() {
			if !first {
				b.WriteString(",\n\t\t\t     ")
			}
			first = false
			b.WriteString(s.ElementText(&e))
		}
		b.WriteString(" }\n")
	}
	b.WriteString("\t}\n")
}

func (c *Chain) writeTo(b *strings.Builder) {
	if c.Note != "" {
		fmt.Fprintf(b, "\t# %s\n", strings.ReplaceAll(c.Note, "\n", " "))
	}
	fmt.Fprintf(b, "\tchain %s {\n", c.Name)
	if c.Base != nil {
		fmt.Fprintf(b, "\t\t%s\n", c.Base.Text())
	}
	for _, r := range c.Rules {
		fmt.Fprintf(b, "\t\t%s\n", r.Text())
	}
	b.WriteString("\t}\n")
}
