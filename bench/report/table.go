package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// WriteTable writes the document for a terminal.
func (d *Document) WriteTable(w io.Writer) error {
	p := &printer{w: w}
	p.line("%s", d.Environment)
	p.line("%d repetitions in turn, medians; in brackets the ratio to %q in the same repetition", d.Method.Repeat, d.Title(d.Baseline))
	for _, g := range d.Grids() {
		p.line("")
		p.line("%s (%s)", g.Title(), g.Measure.Unit)
		p.grid(g)
	}
	p.notes(d)
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) grid(g *Grid) {
	rows := [][]string{{"rules"}}
	for _, n := range g.Rules {
		rows[0] = append(rows[0], fmt.Sprint(n))
	}
	for _, r := range g.Rows {
		cells := []string{r.System.Title}
		for _, c := range r.Cells {
			cells = append(cells, c.Cell())
		}
		rows = append(rows, cells)
	}
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for i, c := range r {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if i == 0 {
				b.WriteString("  " + c + pad)
			} else {
				b.WriteString("  " + pad + c)
			}
		}
		p.line("%s", strings.TrimRight(b.String(), " "))
	}
	for _, r := range g.Rows {
		for i, c := range r.Cells {
			if c != nil && c.Note != "" {
				p.line("  * %s, %d rules: %s", r.System.Title, g.Rules[i], c.Note)
			}
		}
	}
}

func (p *printer) notes(d *Document) {
	if len(d.Skipped) > 0 {
		p.line("\nNot measured:")
		for _, s := range d.Skipped {
			what := ""
			if s.What != "" {
				what = ", " + s.What
			}
			p.line("  %s%s: %s", d.Title(s.System), what, s.Reason)
		}
	}
	if len(d.Failures) > 0 {
		p.line("\nFAILED: wrong verdicts, so this run is no comparison:")
		for _, f := range d.Failures {
			p.line("  %s", f)
		}
	}
}
