package engine

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rampart/model"
)

// listed is a bundle of a tier and a network set with the given nets.
func listed(revision string, tier model.Resource, nets []model.Net) *model.Bundle {
	s := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
	s.Metadata = model.Metadata{Name: "list", Labels: map[string]string{"a": "b"}}
	s.Spec.Nets = nets
	return &model.Bundle{Source: "a", Revision: revision, Resources: []model.Resource{tier, s}}
}

// TestEditsOfLongLists saves versions of a long list one after the other. Of each only what differs is written, and the last
// one is read.
func TestEditsOfLongLists(t *testing.T) {
	s, err := openState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	var nets []model.Net
	net := func(text string) model.Net {
		n, err := model.ParseNet(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i := range 5000 {
		nets = append(nets, net(fmt.Sprintf("10.0.%d.%d", i/256, i%256)))
	}
	tier := tiers("", 1, nil).Resources[0]
	last := listed("0", tier, nets)
	if err := s.saveBundle(last, 1); err != nil {
		t.Fatal(err)
	}
	extra := net("2001:db8::/32")
	for i, next := range [][]model.Net{
		slices.Concat(nets, []model.Net{extra}),
		nets,
		slices.Concat([]model.Net{extra, extra}, nets),
		slices.Concat(nets[:100], []model.Net{extra}, nets[101:]),
		slices.Concat(nets[:100], nets[4000:]),
		nets[:3],
		nil,
	} {
		b := listed(fmt.Sprint(i+1), tier, next)
		before := s.saved["a"].journal
		if done, err := s.appendChange(last, b, uint64(i+2)); !done || err != nil {
			t.Fatalf("version %d: %v, %v", i, done, err)
		}
		if more := s.saved["a"].journal - before; more > 3000 {
			t.Errorf("version %d takes %d octets", i, more)
		}
		got, generation, err := s.loadBundle("a")
		if err != nil || generation != uint64(i+2) {
			t.Fatalf("version %d: generation %d, %v", i, generation, err)
		}
		if diff := cmp.Diff(b, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b model.Net) bool { return a == b })); diff != "" {
			t.Fatalf("version %d (-want +got):\n%s", i, diff)
		}
		last = b
	}
}

// TestWhatIsNoEdit leaves to whole records what is more than some nets.
func TestWhatIsNoEdit(t *testing.T) {
	tier := tiers("", 1, nil).Resources[0]
	old := listed("", tier, []model.Net{{}, {}, {}}).Resources[1].(*model.NetworkSet)
	named, labelled, moved, replaced := *old, *old, *old, *old
	named.Metadata.Name = "other"
	labelled.Metadata.Labels = map[string]string{"a": "c"}
	moved.Origin.Line++
	one, _ := model.ParseNet("10.0.0.1")
	replaced.Spec.Nets = []model.Net{one, one, {}}
	for _, tt := range []struct{ old, new model.Resource }{
		{old, &named}, {old, &labelled}, {old, &moved}, {old, &replaced}, {old, tier}, {tier, old}, {tier, tier},
	} {
		if e, ok := editOf(tt.old, tt.new); ok {
			t.Errorf("%v of %v is %+v", tt.new, tt.old, e)
		}
	}
}

// TestEditsOfOtherLists refuses edits that do not fit what they are made in.
func TestEditsOfOtherLists(t *testing.T) {
	tier := tiers("", 1, nil).Resources[0]
	for _, e := range []netsEdit{{At: 4}, {At: 3, Gone: 1}, {At: 2, Gone: 2}, {At: -1}, {Gone: -1}, {Gone: 4}, {At: 1 << 62, Gone: 1 << 62}} {
		set := listed("", tier, make([]model.Net, 3)).Resources[1]
		if err := e.redo(set); err == nil {
			t.Errorf("%+v is made in three nets", e)
		}
	}
	if err := (&netsEdit{}).redo(tier); err == nil || errors.Is(err, ErrBadState) {
		t.Errorf("an edit of a tier: %v", err)
	}
}
