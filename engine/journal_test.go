package engine

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"rampart/model"
)

// tiers is a bundle of n tiers; the resources of earlier are taken over where they have the same name.
func tiers(revision string, n int, earlier *model.Bundle) *model.Bundle {
	b := &model.Bundle{Source: "a", Revision: revision}
	for i := range n {
		if earlier != nil && i < len(earlier.Resources) {
			b.Resources = append(b.Resources, earlier.Resources[i])
			continue
		}
		t := model.New(model.KindTier).(*model.Tier)
		t.Metadata.Name = fmt.Sprint("tier", i)
		b.Resources = append(b.Resources, t)
	}
	return b
}

// holds describes what is saved.
func holds(t *testing.T, s *stateDir) string {
	t.Helper()
	b, generation, err := s.loadBundle("a")
	if err != nil {
		t.Fatal(err)
	}
	if g, err := s.savedGeneration("a"); g != generation || err != nil {
		t.Errorf("saved generation %d, %v, want %d", g, err, generation)
	}
	var names []string
	for _, r := range b.Resources {
		names = append(names, r.Key().Name+fmt.Sprint(r.Meta().Labels["v"]))
	}
	slices.Sort(names)
	if len(names) > 4 {
		names = append(names[:2:2], fmt.Sprint(len(names)))
	}
	return fmt.Sprint(b.Revision, " ", generation, " ", names)
}

// journaled saves a bundle and three changes of it: a resource changes, one comes, one goes.
func journaled(t *testing.T) (s *stateDir, states []string, sizes []int64) {
	t.Helper()
	s, err := openState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	first := tiers("1", 40, nil)
	if err := s.saveBundle(first, 1); err != nil {
		t.Fatal(err)
	}
	changed := tiers("2", 40, first)
	tier := *first.Resources[0].(*model.Tier)
	tier.Metadata.Labels = map[string]string{"v": "new"}
	changed.Resources[0] = &tier
	more := tiers("3", 41, changed)
	less := &model.Bundle{Source: "a", Revision: "4", Resources: slices.Delete(slices.Clone(more.Resources), 1, 2)}
	states, sizes = []string{holds(t, s)}, []int64{0}
	last := first
	for i, b := range []*model.Bundle{changed, more, less} {
		if done, err := s.appendChange(last, b, uint64(i+2)); !done || err != nil {
			t.Fatalf("change %d: %v, %v", i, done, err)
		}
		last = b
		states, sizes = append(states, holds(t, s)), append(sizes, s.saved["a"].journal)
	}
	return s, states, sizes
}

func TestJournal(t *testing.T) {
	_, states, _ := journaled(t)
	want := []string{"1 1 [tier0 tier1 40]", "2 2 [tier0new tier1 40]", "3 3 [tier0new tier1 41]", "4 4 [tier0new tier10 40]"}
	if !slices.Equal(states, want) {
		t.Errorf("saved %q, want %q", states, want)
	}
}

// TestDamagedJournal counts up to where it is whole.
func TestDamagedJournal(t *testing.T) {
	s, states, sizes := journaled(t)
	path := s.journalPath("a")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(what string, content []byte, good int) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := holds(t, s); got != states[good] {
			t.Errorf("%s: %q, want %q", what, got, states[good])
		}
	}
	records := func(n int) (i int) {
		for i+1 < len(sizes) && sizes[i+1] <= int64(n) {
			i++
		}
		return i
	}
	for n := range len(whole) {
		expect(fmt.Sprintf("cut short to %d", n), whole[:n], records(n))
	}
	for i := range whole {
		flipped := slices.Clone(whole)
		flipped[i] ^= 0x20
		expect(fmt.Sprintf("bit flipped at %d", i), flipped, records(i))
	}
	expect("whole", whole, 3)
	// What a crash has left behind the last whole record gives way.
	expect("more behind it", append(slices.Clone(whole), "rampart-cha"...), 3)
	last, _, err := s.loadBundle("a")
	if err != nil {
		t.Fatal(err)
	}
	next := &model.Bundle{Source: "a", Revision: "5", Resources: last.Resources[1:]}
	if done, err := s.appendChange(last, next, 5); !done || err != nil {
		t.Fatal(done, err)
	}
	if got := holds(t, s); got != "5 5 [tier10 tier11 39]" {
		t.Errorf("after a crash: %q", got)
	}
}

// TestJournalOfAnotherBundle is of no account.
func TestJournalOfAnotherBundle(t *testing.T) {
	s, _, _ := journaled(t)
	path := s.journalPath("a")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.saveBundle(tiers("9", 3, nil), 9); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the old journal is still there")
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := holds(t, s); got != "9 9 [tier0 tier1 tier2]" {
		t.Errorf("with the journal of another bundle: %q", got)
	}
}

// TestJournalEnds when much has changed, or many times.
func TestJournalEnds(t *testing.T) {
	s, _, _ := journaled(t)
	b := tiers("5", 40, nil)
	if err := s.saveBundle(b, 5); err != nil {
		t.Fatal(err)
	}
	if done, err := s.appendChange(b, tiers("6", 40, nil), 6); done || err != nil {
		t.Errorf("everything is another: %v, %v", done, err)
	}
	for i := range 10_000 {
		next := tiers("7", 40+i%2, b)
		done, err := s.appendChange(b, next, 7)
		if err != nil {
			t.Fatal(err)
		}
		if b = next; !done {
			return
		}
	}
	t.Error("the journal grows without end")
}
