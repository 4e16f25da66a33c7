package classify

import "testing"

// scan is the definition: the first rule in order that matches.
func scan(rules []Rule, boxes []box, k *Key4) uint32 {
	t := [numDims]uint32{k.Src, k.Dst, uint32(k.SrcPort), uint32(k.DstPort), uint32(k.Protocol)}
next:
	for i := range boxes {
		for d := range t {
			if t[d] < boxes[i][d].lo || t[d] > boxes[i][d].hi {
				continue next
			}
		}
		return rules[i].Value
	}
	return NoMatch
}

var classBenchSets = []string{"acl1", "acl2", "acl3", "acl4", "acl5", "fw1", "fw2", "fw3", "fw4", "fw5", "ipc1", "ipc2"}

func TestClassBenchAgainstScan(t *testing.T) {
	for _, set := range classBenchSets {
		for _, size := range []string{"_1k", "_10k"} {
			t.Run(set+size, func(t *testing.T) {
				rules := loadClassBench(t, set+size)
				c, err := Build(false, rules)
				if err != nil {
					t.Fatal(err)
				}
				agrees(t, c, rules, 3000)
				for i := range c.trees {
					t.Logf("tree %d: first %d refs %d recs %d", i, c.trees[i].first, len(c.trees[i].refs), len(c.trees[i].recs))
				}
			})
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, set := range classBenchSets {
		for _, size := range []string{"_1k", "_10k"} {
			b.Run(set+size, func(b *testing.B) {
				rules := loadClassBench(b, set+size)
				c, err := Build(false, rules)
				if err != nil {
					b.Fatal(err)
				}
				keys := keysInside(rules, 1<<16, 3)
				out := make([]uint32, 256)
				b.ReportMetric(float64(c.Bytes())/float64(len(rules)), "B/rule")
				n := 0
				for b.Loop() {
					c.Lookup4(keys[n:n+256], out)
					n = (n + 256) % len(keys)
				}
				b.ReportMetric(256*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlookups/s")
			})
		}
	}
}

// agrees looks up packets drawn from inside the rules, and compares with a scan of them.
func agrees(t *testing.T, c *Classifier, rules []Rule, packets int) {
	t.Helper()
	var boxes []box
	for i := range rules {
		boxes = append(boxes, rules[i].box(prefix4(rules[i].Src), prefix4(rules[i].Dst)))
	}
	keys := keysInside(rules, packets, 7)
	out := make([]uint32, len(keys))
	c.Lookup4(keys, out)
	for i := range keys {
		if want := scan(rules, boxes, &keys[i]); out[i] != want {
			t.Fatalf("key %+v: rule %d, want %d", keys[i], out[i], want)
		}
	}
}
