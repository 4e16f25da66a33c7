package report

import (
	"encoding/csv"
	"io"
	"strconv"
)

// WriteCSV writes a line for each repetition of each result.
func (d *Document) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"system", "measure", "unit", "set", "family", "rules", "match", "traffic", "size", "repetition", "value", "ratio"}}
	for _, r := range d.Results {
		for i, v := range r.Values {
			ratio := ""
			if i < len(r.Ratios) {
				ratio = number(r.Ratios[i])
			}
			rows = append(rows, []string{
				r.System, r.Measure, MeasureNamed(r.Measure).Unit, r.Set, strconv.Itoa(r.Family), strconv.Itoa(r.Rules), r.Match, r.Traffic,
				strconv.Itoa(r.Size), strconv.Itoa(i + 1), number(v), ratio,
			})
		}
	}
	return c.WriteAll(rows)
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 8, 64) }
