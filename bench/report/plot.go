package report

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Size of plots. The legend has a column of its own, off the data.
const (
	plotWidth   = 9 * vg.Inch
	plotHeight  = 5 * vg.Inch
	legendWidth = 2.3 * vg.Inch
	plotDPI     = 144
)

// Plottable tells whether a grid makes a line plot: several numbers of rules and values above zero.
func (g *Grid) Plottable() bool {
	return len(g.Rules) > 1 && g.Measure.Name != Misjudged && slices.ContainsFunc(g.Rows, func(r Row) bool { return len(series(g, r).XYs) > 0 })
}

// WriteSVG draws a grid as a line a system, both axes logarithmic.
func (g *Grid) WriteSVG(w io.Writer) error {
	c := vgsvg.New(plotWidth, plotHeight)
	if err := g.draw(draw.New(c)); err != nil {
		return err
	}
	_, err := c.WriteTo(w)
	return err
}

// WritePNG is WriteSVG as a picture of dots.
func (g *Grid) WritePNG(w io.Writer) error {
	c := vgimg.NewWith(vgimg.UseWH(plotWidth, plotHeight), vgimg.UseDPI(plotDPI))
	if err := g.draw(draw.New(c)); err != nil {
		return err
	}
	_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(w)
	return err
}

func (g *Grid) draw(c draw.Canvas) error {
	p := plot.New()
	p.Title.Text = g.Title()
	p.Title.Padding = vg.Points(4)
	p.X.Label.Text = "rules"
	p.Y.Label.Text = fmt.Sprintf("%s (%s)", g.Measure.Title, g.Measure.Unit)
	for _, f := range []*font.Font{&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font} {
		f.Variant = "Sans"
	}
	p.X.Padding, p.Y.Padding = vg.Points(6), vg.Points(6)
	p.X.Label.Padding, p.Y.Label.Padding = vg.Points(4), vg.Points(4)
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = decades{}, decades{}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{0xe4}, color.Gray{0xe4}
	p.Add(grid)
	legend := plot.NewLegend()
	legend.Top, legend.Left = true, true
	legend.Padding = vg.Points(5)
	legend.ThumbnailWidth = vg.Points(30)
	legend.TextStyle.Font.Size, legend.TextStyle.Font.Variant = vg.Points(10), "Sans"
	low, high := math.Inf(1), math.Inf(-1)
	for _, row := range g.Rows {
		s := series(g, row)
		if len(s.XYs) == 0 {
			continue
		}
		for i, at := range s.XYs {
			low, high = min(low, at.Y-s.YErrors[i].Low), max(high, at.Y+s.YErrors[i].High)
		}
		line, points, err := plotter.NewLinePoints(s.XYs)
		if err != nil {
			return err
		}
		look := styleOf(row.System.Name)
		line.LineStyle = draw.LineStyle{Color: look.color, Width: look.width, Dashes: look.dashes}
		points.GlyphStyle = draw.GlyphStyle{Color: look.color, Radius: vg.Points(3.2), Shape: look.shape}
		bars, err := plotter.NewYErrorBars(s)
		if err != nil {
			return err
		}
		bars.LineStyle = draw.LineStyle{Color: look.color, Width: vg.Points(0.7)}
		bars.CapWidth = vg.Points(4)
		p.Add(line, bars, points)
		legend.Add(row.System.Title, line, points)
	}
	if math.IsInf(low, 1) {
		return fmt.Errorf("%s: nothing to draw", g.Title())
	}
	p.Y.Min, p.Y.Max = floorTick(low), ceilTick(high)
	p.X.Min, p.X.Max = float64(g.Rules[0]), float64(g.Rules[len(g.Rules)-1])
	p.BackgroundColor = color.White
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	p.Draw(draw.Crop(c, vg.Points(4), -legendWidth, vg.Points(4), -vg.Points(6)))
	legend.Draw(draw.Crop(c, plotWidth-legendWidth+vg.Points(12), 0, 0, -vg.Points(26)))
	return nil
}

// points are a row's medians with their ranges.
type points struct {
	plotter.XYs
	plotter.YErrors
}

func series(g *Grid, row Row) points {
	var p points
	for i, r := range row.Cells {
		if r == nil || r.Median <= 0 {
			continue
		}
		p.XYs = append(p.XYs, plotter.XY{X: float64(g.Rules[i]), Y: r.Median})
		p.YErrors = append(p.YErrors, struct{ Low, High float64 }{r.Median - max(r.Min, r.Median/100), r.Max - r.Median})
	}
	return p
}

// floorTick and ceilTick widen an axis to the next 1, 2 or 5 of a decade.
func floorTick(v float64) float64 {
	d := math.Pow(10, math.Floor(math.Log10(v)))
	switch {
	case v >= 5*d:
		return 5 * d
	case v >= 2*d:
		return 2 * d
	}
	return d
}

func ceilTick(v float64) float64 {
	d := math.Pow(10, math.Floor(math.Log10(v)))
	switch {
	case v <= d:
		return d
	case v <= 2*d:
		return 2 * d
	case v <= 5*d:
		return 5 * d
	}
	return 10 * d
}

// decades marks powers of ten, with 2 and 5 between them where there are few.
type decades struct{}

func (decades) Ticks(low, high float64) []plot.Tick {
	var out []plot.Tick
	few := high/low < 1000
	for d := math.Pow(10, math.Floor(math.Log10(low))); d <= high*1.001; d *= 10 {
		for m := 1; m < 10; m++ {
			v := d * float64(m)
			if v < low*0.999 || v > high*1.001 {
				continue
			}
			t := plot.Tick{Value: v}
			if m == 1 || few && (m == 2 || m == 5) {
				t.Label = tickLabel(v)
			}
			out = append(out, t)
		}
	}
	return out
}

func tickLabel(v float64) string {
	for _, p := range []struct {
		at     float64
		letter string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= p.at*0.999 {
			return strconv.FormatFloat(math.Round(v/p.at*1000)/1000, 'f', -1, 64) + p.letter
		}
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
