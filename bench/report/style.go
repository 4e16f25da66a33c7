package report

import (
	"hash/fnv"
	"image/color"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// style is how a system's line looks, the same in every plot. Colours are those of Okabe and Ito, which people with any
// colour vision tell apart; dashes and marks differ too, for those without.
type style struct {
	color  color.RGBA
	width  vg.Length
	dashes []vg.Length
	shape  draw.GlyphDrawer
}

func rgb(v uint32) color.RGBA { return color.RGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 0xff} }

var (
	thin, thick = vg.Points(1.4), vg.Points(2.8)
	dashed      = []vg.Length{vg.Points(6), vg.Points(3)}
	dotted      = []vg.Length{vg.Points(2), vg.Points(2)}
	dashDotted  = []vg.Length{vg.Points(6), vg.Points(2), vg.Points(2), vg.Points(2)}
)

var styles = map[string]style{
	"nothing":         {rgb(0x000000), thin, dashed, draw.CrossGlyph{}},
	"stateful":        {rgb(0x777777), thin, dashed, draw.PlusGlyph{}},
	"nft-linear":      {rgb(0xe69f00), thin, nil, draw.CircleGlyph{}},
	"iptables":        {rgb(0xcc79a7), thin, nil, draw.TriangleGlyph{}},
	"ipset":           {rgb(0xcc79a7), thin, dashDotted, draw.PyramidGlyph{}},
	"nft-sets":        {rgb(0x56b4e9), thin, nil, draw.SquareGlyph{}},
	"felix-like":      {rgb(0x009e73), thin, nil, draw.BoxGlyph{}},
	"rampart":         {rgb(0xd55e00), thick, nil, draw.CircleGlyph{}},
	"rampart-daemon":  {rgb(0xd55e00), thin, dashDotted, draw.RingGlyph{}},
	"rampart-xdp":     {rgb(0x0072b2), thick, nil, draw.PyramidGlyph{}},
	"rampart-prednat": {rgb(0xd55e00), thin, dotted, draw.BoxGlyph{}},
	"rampart-passed":  {rgb(0xd55e00), thin, dashed, draw.PlusGlyph{}},
	"rampart-auto":    {rgb(0x0072b2), thin, dashDotted, draw.RingGlyph{}},
	"xdp-redirect":    {rgb(0x000000), thin, dotted, draw.TriangleGlyph{}},
	"xdp-drop":        {rgb(0x777777), thin, dotted, draw.SquareGlyph{}},
}

// styleOf is a system's style; one without gets a colour by its name.
func styleOf(name string) style {
	if s, ok := styles[name]; ok {
		return s
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	return style{rgb(h.Sum32() & 0xbfbfbf), thin, nil, draw.RingGlyph{}}
}
