package blocks

import "testing"

// What a byte is worth falls with the length of a list in steps: one rule more does not move the cuts of the others, except
// at a doubling.
func TestCostsOfLongLists(t *testing.T) {
	full := DefaultCosts()
	for entries, part := range map[int]float64{
		0: 1, 10: 1, crowded: 1, 2*crowded - 1: 1, 2 * crowded: 2, 4*crowded - 1: 2, 4 * crowded: 4, 10 * crowded: 8,
	} {
		want := full
		want.Byte /= part
		if got := full.of(entries); got != want {
			t.Errorf("%d entries: costs %+v, want %+v", entries, got, want)
		}
	}
}
