package measure

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"rampart/bench/report"
)

// estimate is a figure with the bounds of its 95 % confidence interval.
type estimate struct{ estimate, low, high float64 }

// resamples is how many samples a bootstrap draws.
const resamples = 1000

// quantileAdded is by how much a quantile of one system's values is above that of another, which had their turns together. The
// interval is from a bootstrap (B. Efron, 1979) that draws turns, not values: those of one turn had the same disturbances, and so had
// both systems'.
func quantileAdded(q float64, of, above [][]float64, seed uint64) (e estimate) {
	n := min(len(of), len(above))
	x, y := newRanking(of[:n]), newRanking(above[:n])
	drawn := slices.Repeat([]int{1}, n)
	e.estimate = x.quantile(q, drawn) - y.quantile(q, drawn)
	r := rand.New(rand.NewPCG(seed, 37))
	var differences []float64
	for range resamples {
		clear(drawn)
		for range n {
			drawn[r.IntN(n)]++
		}
		differences = append(differences, x.quantile(q, drawn)-y.quantile(q, drawn))
	}
	e.low, e.high = report.Quantile(differences, 0.025), report.Quantile(differences, 0.975)
	return e
}

// sample is a value of a turn.
type sample struct {
	value float64
	turn  int
}

// ranking is the values of all turns, the largest first.
type ranking []sample

func newRanking(turns [][]float64) (r ranking) {
	for i, turn := range turns {
		for _, v := range turn {
			r = append(r, sample{v, i})
		}
	}
	slices.SortFunc(r, func(a, b sample) int { return cmp.Compare(b.value, a.value) })
	return r
}

// quantile is the value that the share q of the values does not exceed, when turn i was drawn so many times.
func (r ranking) quantile(q float64, drawn []int) float64 {
	total := 0
	for _, x := range r {
		total += drawn[x.turn]
	}
	above := int((1 - q) * float64(total))
	for _, x := range r {
		if above -= drawn[x.turn]; above < 0 {
			return x.value
		}
	}
	return 0
}
