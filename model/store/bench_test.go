package store_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"rampart/model"
	"rampart/model/store"
)

func endpoints(n int) []model.Resource {
	var out []model.Resource
	for i := range n {
		w := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
		w.Metadata = model.Metadata{Namespace: fmt.Sprintf("ns%d", i%20), Name: fmt.Sprintf("w%d", i), Labels: map[string]string{
			"app": fmt.Sprintf("a%d", i%500), "pod": fmt.Sprintf("w%d", i), "tier": fmt.Sprintf("t%d", i%4),
		}}
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		w.Spec.IPNetworks = []model.Net{{Prefix: netip.PrefixFrom(addr, 32)}}
		out = append(out, w)
	}
	return out
}

func BenchmarkApply(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("first/endpoints=%d", n), func(b *testing.B) {
			bundle := &model.Bundle{Source: "a", Resources: endpoints(n)}
			for b.Loop() {
				if _, err := store.New().Apply(bundle); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("one of the same resources replaced/endpoints=%d", n), func(b *testing.B) {
			s := store.New()
			bundle := &model.Bundle{Source: "a", Resources: endpoints(n)}
			if _, err := s.Apply(bundle); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				changed := *bundle.Resources[n/2].(*model.WorkloadEndpoint)
				changed.Spec.MAC += "0"
				bundle = &model.Bundle{Source: "a", Resources: slices.Clone(bundle.Resources)}
				bundle.Resources[n/2] = &changed
				if c, err := s.Apply(bundle); err != nil || c.Empty() {
					b.Fatal(c, err)
				}
			}
		})
		b.Run(fmt.Sprintf("reload of equal resources/endpoints=%d", n), func(b *testing.B) {
			s := store.New()
			if _, err := s.Apply(&model.Bundle{Source: "a", Resources: endpoints(n)}); err != nil {
				b.Fatal(err)
			}
			again := &model.Bundle{Source: "a", Resources: endpoints(n)}
			for b.Loop() {
				if c, err := s.Apply(again); err != nil || !c.Empty() {
					b.Fatal(c, err)
				}
			}
		})
	}
}
