package classify

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// Bits move as the elements of a slice do.
func TestSieveRow(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	var row sieveRow
	var want []bool
	for range 2000 {
		if len(want) < MaxPending && (len(want) == 0 || rng.IntN(5) > 1) {
			i, set := rng.IntN(len(want)+1), rng.IntN(2) == 0
			row.insert(i, set)
			want = slices.Insert(want, i, set)
		} else {
			i := rng.IntN(len(want))
			row.remove(i)
			want = slices.Delete(want, i, i+1)
		}
		var got []int
		for i := row.next(0); i >= 0; i = row.next(i + 1) {
			got = append(got, i)
		}
		var places []int
		for i, set := range want {
			if set {
				places = append(places, i)
			}
		}
		if !slices.Equal(got, places) {
			t.Fatalf("places %v, want %v", got, places)
		}
	}
}

// A full overlay answers, refuses more, and empties.
func TestFullOverlay(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		w := world{rand.New(rand.NewPCG(9, 9)), v6}
		var list, rules []Rule
		for range 200 {
			r := w.rule(100)
			rules, list = append(rules, r), insert(list, r)
		}
		c, err := Build(v6, rules)
		if err != nil {
			t.Fatal(err)
		}
		for range MaxPending {
			r := w.rule(100)
			if c, err = c.Insert(r); err != nil {
				t.Fatal(err)
			}
			list = insert(list, r)
		}
		w.check(t, c, list, 2000)
		if _, err := c.Insert(w.rule(100)); !errors.Is(err, ErrPending) {
			t.Errorf("one more: %v", err)
		}
		for len(list) > 20 {
			i := w.rng.IntN(len(list))
			if c, err = c.Delete(list[i]); err != nil {
				t.Fatal(err)
			}
			list = slices.Delete(list, i, i+1)
		}
		w.check(t, c, list, 2000)
	}
}
