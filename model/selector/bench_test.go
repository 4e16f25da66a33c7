package selector_test

import (
	"testing"

	"rampart/model/selector"
)

const benched = "app == 'shop' && tier in {'web', 'api', 'cache'} && !has(quarantine) && (zone starts with 'eu-' || name contains 'test')"

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := selector.Parse(benched); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRequirements(b *testing.B) {
	s := selector.MustParse(benched)
	b.ReportAllocs()
	for b.Loop() {
		if len(s.Requirements()) != 2 {
			b.Fatal("app and tier are required")
		}
	}
}

func BenchmarkMatches(b *testing.B) {
	s := selector.MustParse(benched)
	labels := selector.Map{"app": "shop", "tier": "cache", "zone": "eu-1", "name": "cache-7", "team": "red", "pod": "cache-7"}
	b.ReportAllocs()
	for b.Loop() {
		if !s.Matches(labels) {
			b.Fatal("no match")
		}
	}
}
