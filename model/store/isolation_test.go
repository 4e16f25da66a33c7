package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"rampart/model"
	"rampart/model/store"
)

// tier is a small resource whose annotation says which bundle it belongs to.
func tier(name, version string) *model.Tier {
	t := model.New(model.KindTier).(*model.Tier)
	t.Metadata = model.Metadata{Name: name, Annotations: map[string]string{"version": version}}
	return t
}

func apply(t *testing.T, s *store.Store, source string, resources ...model.Resource) store.Change {
	t.Helper()
	c, err := s.Apply(&model.Bundle{Source: source, Resources: resources})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func versions(v *store.View) string {
	out := ""
	for t := range v.Tiers() {
		out += t.Metadata.Name + ":" + t.Metadata.Annotations["version"] + " "
	}
	return out
}

func TestNoDirtyRead(t *testing.T) {
	s := store.New()
	apply(t, s, "a", tier("t1", "1"))
	_, err := s.Apply(&model.Bundle{Source: "a", Resources: []model.Resource{tier("t1", "2"), tier("t2", "2"), tier("t2", "3")}})
	if !errors.Is(err, store.ErrDuplicateKey) {
		t.Fatalf("a bundle with a key twice: %v", err)
	}
	if got := versions(s.View()); got != "t1:1 " {
		t.Errorf("a refused bundle shows: %s", got)
	}
	if c := apply(t, s, "a", tier("t1", "1")); !c.Empty() {
		t.Errorf("a refused bundle counts as what the source held: %+v", c)
	}
}

func TestNoNonRepeatableRead(t *testing.T) {
	s := store.New()
	apply(t, s, "a", tier("t1", "1"))
	v := s.View()
	first := v.Tier("t1")
	apply(t, s, "a", tier("t1", "2"))
	if again := v.Tier("t1"); again != first || again.Metadata.Annotations["version"] != "1" {
		t.Error("the same view gives another resource for the same key")
	}
	if got := versions(s.View()); got != "t1:2 " {
		t.Errorf("a new view shows %s", got)
	}
}

func TestNoPhantom(t *testing.T) {
	s := store.New()
	apply(t, s, "a", tier("t1", "1"))
	v := s.View()
	apply(t, s, "a", tier("t1", "1"), tier("t2", "1"))
	apply(t, s, "b", tier("t3", "1"))
	if got := versions(v); got != "t1:1 " {
		t.Errorf("resources added later appear in an old view: %s", got)
	}
	apply(t, s, "a")
	if got := versions(v); got != "t1:1 " {
		t.Errorf("resources removed later are missing from an old view: %s", got)
	}
}

// TestNoTornBundle reads while bundles of a hundred resources replace each other.
func TestNoTornBundle(t *testing.T) {
	s := store.New()
	bundle := func(version string) []model.Resource {
		var out []model.Resource
		for i := range 100 {
			out = append(out, tier(fmt.Sprintf("t%02d", i), version))
		}
		return out
	}
	apply(t, s, "a", bundle("0")...)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				v := s.View()
				want := v.Tier("t00").Metadata.Annotations["version"]
				n := 0
				for x := range v.Tiers() {
					n++
					if got := x.Metadata.Annotations["version"]; got != want {
						t.Errorf("one view shows versions %s and %s", want, got)
						return
					}
				}
				if n != 100 {
					t.Errorf("a view shows %d of 100", n)
					return
				}
			}
		})
	}
	for i := range 100 {
		apply(t, s, "a", bundle(fmt.Sprint(i))...)
	}
	close(done)
	readers.Wait()
}

func TestNoLostUpdate(t *testing.T) {
	s := store.New()
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			name := fmt.Sprintf("s%d", i)
			for j := range 20 {
				if _, err := s.Apply(&model.Bundle{Source: name, Resources: []model.Resource{tier(name, fmt.Sprint(j))}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	want := ""
	for i := range 8 {
		want += fmt.Sprintf("s%d:19 ", i)
	}
	v := s.View()
	if got := versions(v); got != want {
		t.Errorf("after concurrent writers: %s, want %s", got, want)
	}
	if v.Revision() != 160 {
		t.Errorf("revision %d after 160 changes", v.Revision())
	}
}

// TestUnchangedResourcesStay guards the promise that an unchanged pointer means an unchanged resource.
func TestUnchangedResourcesStay(t *testing.T) {
	s := store.New()
	apply(t, s, "a", tier("t1", "1"), tier("t2", "1"))
	before := s.View()
	c := apply(t, s, "a", tier("t1", "1"), tier("t2", "2"))
	if fmt.Sprint(c.Added, c.Updated, c.Removed) != "[] [Tier/t2] []" {
		t.Errorf("change %+v", c)
	}
	after := s.View()
	if before.Tier("t1") != after.Tier("t1") {
		t.Error("an equal resource was replaced")
	}
	if !after.After(before, &c) || before.After(after, &c) {
		t.Error("After does not tell the direction of a change")
	}
	again := apply(t, s, "a", tier("t1", "1"), tier("t2", "2"))
	if !again.Empty() || again.Revision != c.Revision {
		t.Errorf("an equal bundle is a change: %+v", again)
	}
	moved := tier("t1", "1")
	moved.Origin = model.Origin{File: "x.yaml", Line: 7}
	if c := apply(t, s, "a", moved, tier("t2", "2")); len(c.Updated) != 1 || s.View().Tier("t1").Origin.Line != 7 {
		t.Errorf("a resource on another line keeps its old origin: %+v", c)
	}
}
