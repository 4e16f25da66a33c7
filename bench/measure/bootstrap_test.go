package measure

import (
	"math/rand/v2"
	"testing"
)

// What is added to a quantile is found, in an interval that is wider where turns differ, but not where they differ for both
// systems alike.
func TestQuantileAdded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	turns := func(mean, apart float64) (out [][]float64) {
		for i := range 60 {
			var turn []float64
			for range 100 {
				turn = append(turn, mean+apart*float64(i%2)+r.NormFloat64())
			}
			out = append(out, turn)
		}
		return out
	}
	for _, tc := range []struct {
		name          string
		of, above     [][]float64
		least, narrow float64
	}{
		{"alike", turns(13, 0), turns(10, 0), 0, 0.5},
		{"turns differ for both", turns(13, 20), turns(10, 20), 0, 0.5},
		{"turns differ for one", turns(13, 0), turns(-7, 20), 0, 0.5},
	} {
		e := quantileAdded(0.99, tc.of, tc.above, 1)
		if e.low > e.estimate || e.estimate > e.high || e.high-e.low < tc.least || e.high-e.low > tc.narrow {
			t.Errorf("%s: %+v", tc.name, e)
		}
	}
	if e := quantileAdded(0.5, turns(13, 0), turns(10, 0), 1); e.low > 3 || e.high < 3 || e.high-e.low > 0.2 {
		t.Errorf("3 are added to the median, found %+v", e)
	}
}
