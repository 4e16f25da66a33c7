package compile

import (
	"slices"

	"rampart/model/selector"
	"rampart/model/store"
)

// selection is one selector in use, whatever it is used for, and what follows from a match.
type selection struct {
	text  string
	entry *store.SelectorEntry[*selection]
	// subjects are the policies that apply to the endpoints matched; sets take in the members matched.
	subjects []*policy
	sets     []*set
	// refs counts subjects and sets. At 0 the selection is dead and endpoints forget it.
	refs int
	// endpoints is how many endpoints match, of any node, network sets not counted.
	endpoints int
	// locals is how many of them are of this node.
	locals int
}

// selections holds every selection by its canonical text.
type selections struct {
	byText map[string]*selection
	index  store.SelectorIndex[*selection]
	// fresh selections have not been matched against the items yet and are not in the index.
	fresh []*selection
	// died tells that items may still list dead selections.
	died bool
}

// hold returns the selection of a selector, nil meaning everything. Every hold needs a release.
func (s *selections) hold(sel *selector.Selector, text string) *selection {
	n := s.byText[text]
	if n == nil {
		if sel == nil {
			sel = selector.All()
		}
		n = &selection{text: text, entry: store.NewSelectorEntry[*selection](sel, nil)}
		n.entry.Value = n
		s.byText[text] = n
		s.fresh = append(s.fresh, n)
	}
	n.refs++
	return n
}

func (s *selections) release(n *selection) {
	n.refs--
	if n.refs > 0 {
		return
	}
	delete(s.byText, n.text)
	if i := slices.Index(s.fresh, n); i >= 0 {
		s.fresh = slices.Delete(s.fresh, i, i+1)
		return
	}
	s.index.Remove(n.entry)
	s.died = true
}

func (n *selection) matches(labels selector.Labels) bool { return n.entry.Selector.Matches(labels) }

// selects tells whether policies depend on what the selection matches.
func (n *selection) selects() bool { return len(n.subjects) > 0 }
