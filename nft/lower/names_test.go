package lower_test

import (
	"fmt"
	"testing"

	"rampart/nft/lower"
)

// TestNamesDiffer checks that very many names that read alike are still different.
func TestNamesDiffer(t *testing.T) {
	seen := map[string]int{}
	for i := range 300_000 {
		name := lower.ChainName("list-in", "production-web", fmt.Sprintf("%016x", i), "accept", "drop")
		if other, ok := seen[name]; ok {
			t.Fatalf("%d and %d are both called %s", other, i, name)
		}
		seen[name] = i
	}
}
