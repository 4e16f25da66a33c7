package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// Format is the version of the JSON form.
const Format = 1

// Document is one run.
type Document struct {
	Format  int       `json:"format"`
	Tool    string    `json:"tool"`
	Command []string  `json:"command"`
	Started time.Time `json:"started"`
	// Seconds is how long the run took.
	Seconds     float64     `json:"seconds"`
	Environment Environment `json:"environment"`
	Method      Method      `json:"method"`
	// Systems in the order in which they are shown; Baseline names the one that ratios are against.
	Systems  []System  `json:"systems"`
	Baseline string    `json:"baseline"`
	Results  []Result  `json:"results"`
	Skipped  []Skipped `json:"skipped"`
	Failures []string  `json:"failures"`
}

// System names a system under test.
type System struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// Method says how the run measured.
type Method struct {
	Repeat   int     `json:"repeat"`
	Duration float64 `json:"durationSeconds"`
	CPU      int     `json:"cpu"`
	Seed     uint64  `json:"seed"`
	Flows    int     `json:"flows"`
	Realtime bool    `json:"realtime"`
	// FloodRate is how many packets a second a flood has, Queues how many receive queues the firewall's interface has.
	FloodRate float64 `json:"floodPacketsPerSecond,omitempty"`
	Queues    int     `json:"queues,omitempty"`
	// Checked is how many packets were compared with the rules' verdicts before anything was measured.
	Checked int `json:"verdictsChecked"`
}

// Case is what was measured with.
type Case struct {
	Set     string `json:"set,omitempty"`
	Family  int    `json:"family,omitempty"`
	Rules   int    `json:"rules"`
	Match   string `json:"match,omitempty"`
	Traffic string `json:"traffic,omitempty"`
	// Size is the length of frames in bytes.
	Size int `json:"size,omitempty"`
}

// Result is what one system showed in one case.
type Result struct {
	System  string `json:"system"`
	Measure string `json:"measure"`
	Case
	// Values has one for each repetition, Ratios those to the baseline's in the same repetition.
	Values []float64 `json:"values"`
	Ratios []float64 `json:"ratios,omitempty"`
	Note   string    `json:"note,omitempty"`
	// Median, Min, Max and Ratio summarise; Seal computes them. A Ratio of 0 means that there is none.
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Ratio  float64 `json:"ratio,omitempty"`
}

// Skipped is what was not measured.
type Skipped struct {
	System string `json:"system"`
	// What was left out, empty for everything.
	What   string `json:"what,omitempty"`
	Reason string `json:"reason"`
}

// Seal computes ratios and summaries from the values, and brings the results into order.
func (d *Document) Seal() {
	d.Format = Format
	type place struct {
		measure string
		c       Case
	}
	baseline := map[place]*Result{}
	for i := range d.Results {
		if r := &d.Results[i]; r.System == d.Baseline {
			baseline[place{r.Measure, r.Case}] = r
		}
	}
	for i := range d.Results {
		r := &d.Results[i]
		r.Ratios, r.Ratio = nil, 0
		if b := baseline[place{r.Measure, r.Case}]; b != nil && len(b.Values) == len(r.Values) && MeasureNamed(r.Measure).Relative {
			for k, v := range r.Values {
				if b.Values[k] != 0 {
					r.Ratios = append(r.Ratios, v/b.Values[k])
				}
			}
			r.Ratio = Median(r.Ratios)
		}
		r.Median = Median(r.Values)
		if len(r.Values) > 0 {
			r.Min, r.Max = slices.Min(r.Values), slices.Max(r.Values)
		}
	}
	order := map[string]int{}
	for i, s := range d.Systems {
		order[s.Name] = i
	}
	slices.SortStableFunc(d.Results, func(a, b Result) int {
		return cmp.Or(
			cmp.Compare(measureOrder(a.Measure), measureOrder(b.Measure)), cmp.Compare(a.Set, b.Set), cmp.Compare(a.Family, b.Family),
			cmp.Compare(a.Match, b.Match), cmp.Compare(a.Traffic, b.Traffic), cmp.Compare(a.Size, b.Size),
			cmp.Compare(order[a.System], order[b.System]), cmp.Compare(a.Rules, b.Rules),
		)
	})
}

// Median is the middle value, the mean of the two middle ones of an even number; 0 of none.
func Median(values []float64) float64 { return Quantile(values, 0.5) }

// Quantile interpolates between the values next to the share q, from 0 to 1, of the sorted values; 0 of none.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Clone(values)
	slices.Sort(v)
	at := q * float64(len(v)-1)
	i := int(at)
	if i+1 >= len(v) {
		return v[len(v)-1]
	}
	return v[i] + (at-float64(i))*(v[i+1]-v[i])
}

// WriteJSON writes the document.
func (d *Document) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(d)
}

// ReadJSON reads a document that WriteJSON wrote.
func ReadJSON(r io.Reader) (*Document, error) {
	d := &Document{}
	if err := json.NewDecoder(r).Decode(d); err != nil {
		return nil, fmt.Errorf("not a benchmark report: %w", err)
	}
	if d.Format != Format || d.Baseline == "" {
		return nil, fmt.Errorf("not a benchmark report of format %d", Format)
	}
	return d, nil
}

// Title is what people read for a system's name.
func (d *Document) Title(system string) string {
	for _, s := range d.Systems {
		if s.Name == system {
			return s.Title
		}
	}
	return system
}
