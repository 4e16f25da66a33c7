package report

import (
	"fmt"
	"slices"
	"strings"
)

// Grid is one measure of one kind of case: a row a system, a column a number of rules.
type Grid struct {
	Measure Measure
	// Case has no Rules; they are the columns.
	Case  Case
	Rules []int
	Rows  []Row
}

// Row is one system in a Grid, with a nil where there is no result.
type Row struct {
	System System
	Cells  []*Result
}

// Grids arranges the results of a sealed document.
func (d *Document) Grids() []*Grid {
	type key struct {
		measure string
		c       Case
	}
	var out []*Grid
	at := map[key]*Grid{}
	for i := range d.Results {
		r := &d.Results[i]
		k := key{r.Measure, r.Case}
		k.c.Rules = 0
		g := at[k]
		if g == nil {
			g = &Grid{Measure: MeasureNamed(r.Measure), Case: k.c}
			at[k] = g
			out = append(out, g)
		}
		if !slices.Contains(g.Rules, r.Rules) {
			g.Rules = append(g.Rules, r.Rules)
			slices.Sort(g.Rules)
		}
	}
	for _, g := range out {
		for _, s := range d.Systems {
			row := Row{System: s, Cells: make([]*Result, len(g.Rules))}
			for i := range d.Results {
				r := &d.Results[i]
				c := r.Case
				c.Rules = 0
				if r.System == s.Name && r.Measure == g.Measure.Name && c == g.Case {
					row.Cells[slices.Index(g.Rules, r.Rules)] = r
				}
			}
			if slices.ContainsFunc(row.Cells, func(r *Result) bool { return r != nil }) {
				g.Rows = append(g.Rows, row)
			}
		}
	}
	return out
}

// Title says what a grid shows.
func (g *Grid) Title() string { return g.Measure.Title + ", " + g.Case.Title() }

// Title is the case in words, without the number of rules.
func (c Case) Title() string {
	var w []string
	if c.Set != "" {
		w = append(w, c.Set)
	}
	if c.Family != 0 {
		w = append(w, fmt.Sprintf("IPv%d", c.Family))
	}
	if c.Traffic != "" {
		w = append(w, c.Traffic+" traffic")
	}
	if c.Match != "" {
		w = append(w, "match "+c.Match)
	}
	if c.Size != 0 {
		w = append(w, fmt.Sprintf("%d-byte frames", c.Size))
	}
	return strings.Join(w, ", ")
}

// Number writes a value with three significant digits and a prefix of thousands: 412 k, 3.91 M, 27.5.
func Number(v float64) string {
	for _, p := range []struct {
		at     float64
		letter string
	}{{1e9, " G"}, {1e6, " M"}, {1e4, " k"}} {
		if v >= p.at*0.9995 {
			return digits(v/p.at*scale(p.letter)) + p.letter
		}
	}
	return digits(v)
}

// scale makes thousands of what Number compares with ten thousand.
func scale(letter string) float64 {
	if letter == " k" {
		return 10
	}
	return 1
}

func digits(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 0:
		return "-" + digits(-v)
	case v < 0.001:
		return fmt.Sprintf("%.1e", v)
	case v < 1:
		return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.3f", v), "0"), ".")
	case v < 9.995:
		return fmt.Sprintf("%.2f", v)
	case v < 99.95:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// Cell is a result for a table: the median and, where there is one, the ratio to the baseline.
func (r *Result) Cell() string {
	if r == nil {
		return "–"
	}
	s := Number(r.Median)
	if r.Ratio != 0 {
		s += fmt.Sprintf(" (%s×)", ratio(r.Ratio))
	}
	if r.Note != "" {
		s += " *"
	}
	return s
}

func ratio(v float64) string {
	switch {
	case v < 0.1:
		return fmt.Sprintf("%.3f", v)
	case v < 9.95:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

// Spread is the range of a result's repetitions.
func (r *Result) Spread() string {
	if r == nil || len(r.Values) < 2 {
		return ""
	}
	return Number(r.Min) + " to " + Number(r.Max)
}
