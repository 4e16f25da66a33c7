package lower

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
	"rampart/nft/ruleset"
)

// Where many endpoints have a short list of their own, the list that the next packet needs is in no cache: the last packet went
// to another endpoint. So a stage first looks up what all these lists say of a service, which is an interface, a protocol and a
// port, in maps that they share:
//
//	ip saddr vmap @forward-to-peers4                              the peer's address tells its class: the sets it is in
//	oifname . meta l4proto . th dport vmap @services-in-CLASS     what this class may do at the service, and the rule's counter
//
// Only what a list decides by class, protocol and port alone is there, up to its first rule that asks for more. Any other
// packet goes on to its endpoint's list, which is whole: it is always right to leave a service out.

const (
	// maxSharers is how many endpoints may have a list that is looked up so, and maxSpread how many elements a rule of it may
	// become: a list that many share is in the cache, and many elements are not.
	maxSharers, maxSpread = 4, 4
	// maxTogether is how many entries such a list may have; longer ones have maps of their own.
	maxTogether = 32
	// maxServices bounds the addresses and the elements of a stage. One that needs more has neither.
	maxServices = 1 << 16
)

// offer is a short list and the interfaces of the endpoints that have it, as keys.
type offer struct {
	list *flat.List
	keys []string
}

// services looks up what the lists of the workloads say of services, where there are enough of them.
func (s *stager) services(c *ruleset.Chain, f ruleset.Field, d model.Direction) {
	v := Verdicts{Allow: accept, Deny: s.deny}
	offers := s.offers(d, v)
	if len(offers) == 0 {
		return
	}
	t := services{stage: c.Name, iface: f, d: d, v: v}
	// The roster stands for the endpoints and their policies.
	made := s.fragment("services "+c.Name, s.roster, func(b *Builder) string {
		t := t
		t.b = b
		return t.add(offers)
	})
	for _, version := range ipVersions {
		if name := t.peersName(version); slices.Contains(strings.Fields(made.result), name) {
			add(c, ruleset.Family(version), ruleset.VerdictMap{Fields: []ruleset.Field{t.peer(version)}, Map: name})
		}
	}
}

// offers are the short lists that workloads have to themselves, or share with few; nil when there are too few for it to pay,
// and where lists put members into maps of their own, in which a change of members asks no chain.
func (s *stager) offers(d model.Direction, v Verdicts) []offer {
	if crowded(s.program) {
		return nil
	}
	var list []offer
	kinds := &s.roster.kinds
	place := make([]int, len(kinds.list)) // of a kind's offer in list, from 1
	places := map[*ir.Group]int{}
	enough := 0
	for i := range kinds.list {
		k := &kinds.list[i]
		g := k.example.Group(d, model.LayerNormal)
		if g == nil || !k.example.Workload || k.count == 0 || k.count > maxSharers {
			continue
		}
		if places[g] == 0 {
			s.group(g, v)
			made := s.flattened(g, v)
			if made == nil || len(made.list.Entries) == 0 || len(made.list.Entries) > maxTogether {
				continue
			}
			enough = made.together
			list = append(list, offer{list: made.list})
			places[g] = len(list)
		}
		place[i] = places[g]
	}
	if len(list) < max(enough, 1) {
		return nil
	}
	for i, kind := range kinds.of {
		if at := place[kind]; at > 0 {
			list[at-1].keys = append(list[at-1].keys, s.roster.keys[i])
		}
	}
	return list
}

// Served is an endpoint's interface and the direction of a policy.
type Served struct {
	Interface string
	Direction model.Direction
}

// Services are the rules that are looked up by service before an endpoint's list, for who explains the table.
func (l *Lowered) Services() map[Served][]model.RuleID {
	all := map[Served][]model.RuleID{}
	for _, s := range l.Sets {
		for _, d := range []model.Direction{model.Ingress, model.Egress} {
			if !strings.HasPrefix(s.Name, servicesPrefix+dirWord(d)) {
				continue
			}
			for _, e := range s.Elements {
				at := Served{strings.TrimRight(e.Key[:ruleset.IFNameLen], "\x00"), d}
				all[at] = append(all[at], e.ID)
			}
		}
	}
	return all
}

const servicesPrefix = "services-"

// services makes the maps of one stage.
type services struct {
	b     *Builder
	stage string
	iface ruleset.Field
	d     model.Direction
	v     Verdicts
	// sets are those that the lists ask for; nil if there is none of single addresses.
	sets map[ir.SetID]*ir.Set
}

func (t *services) peersName(version uint8) string {
	return fmt.Sprintf("%s-peers%d", t.stage, version)
}

// peer is the address of the end that is not the endpoint.
func (t *services) peer(version uint8) ruleset.Field {
	return addrField(version, t.d == model.Egress)
}

// peerOf is what a rule says of that end.
func (t *services) peerOf(m *ir.Match) (peer, own *ir.Peer) {
	if t.d == model.Egress {
		return &m.Dst, &m.Src
	}
	return &m.Src, &m.Dst
}

// madeServices is what a stage looks up services in. As long as the lists are the same and there are peers of the same
// classes, it stays, and other members of sets change the maps of peers alone.
type madeServices struct {
	sets    map[ir.SetID]*ir.Set
	classes map[string]madeClass
}

// madeClass is the chain for packets of a class and the map it asks; without, no list says anything of them.
type madeClass struct {
	chain    *ruleset.Chain
	services *ruleset.Set
}

// add makes the maps and returns the names of those that peers are looked up in.
func (t *services) add(offers []offer) (names string) {
	old, _ := t.b.State().(*madeServices)
	if old != nil && !t.same(old.sets) {
		old = nil
	}
	var decisive [][]flat.Entry
	if old == nil {
		t.sets = map[ir.SetID]*ir.Set{}
		decisive = t.allDecisive(offers)
	}
	p := t.peers()
	if p == nil {
		return ""
	}
	made := &madeServices{t.sets, nil}
	if old != nil && p.same(old.classes) {
		made.classes = old.classes
	} else {
		if old != nil {
			decisive = t.allDecisive(offers)
		}
		if made.classes = t.classes(p, offers, decisive); made.classes == nil {
			return ""
		}
	}
	for _, c := range made.classes {
		if c.chain != nil {
			t.b.AddChain(c.chain)
			t.b.AddSet(c.services)
		}
	}
	t.b.SetState(made)
	return t.addPeers(p, made.classes)
}

// same tells that sets are of addresses as they were, and takes them in as they are now.
func (t *services) same(old map[ir.SetID]*ir.Set) bool {
	t.sets = make(map[ir.SetID]*ir.Set, len(old))
	for id, had := range old {
		if t.ofAddresses(id) != (had != nil) {
			return false
		}
	}
	return true
}

// allDecisive are the entries of each list in front of the first that is not decisive.
func (t *services) allDecisive(offers []offer) [][]flat.Entry {
	all := make([][]flat.Entry, len(offers))
	for i, o := range offers {
		n := 0
		for n < len(o.list.Entries) && t.decisive(&o.list.Entries[n]) {
			n++
		}
		all[i] = o.list.Entries[:n]
	}
	return all
}

// peers sorts the members of the sets, nil when they are too many.
func (t *services) peers() *peers {
	var sets []*ir.Set
	members := 0
	for _, s := range t.sets {
		if s != nil {
			sets = append(sets, s)
			members += s.Len()
		}
	}
	if members > maxServices {
		return nil
	}
	slices.SortFunc(sets, func(x, y *ir.Set) int { return cmp.Compare(x.ID, y.ID) })
	return peersOf(sets)
}

// classes makes the chains and maps of the classes that have addresses, nil when they are too many.
func (t *services) classes(p *peers, offers []offer, decisive [][]flat.Entry) map[string]madeClass {
	elements := make([][]ruleset.Element, len(p.classes))
	total := 0
	for i, o := range offers {
		decided := t.decide(p, decisive[i], maxSpread*len(decisive[i])/len(o.keys))
		if total += len(decided) * len(o.keys); total > maxServices {
			return nil
		}
		for _, key := range o.keys {
			for _, s := range decided {
				elements[s.class] = append(elements[s.class], t.element(key, s))
			}
		}
	}
	made := map[string]madeClass{}
	for i := range p.classes {
		if c := &p.classes[i]; c.members > 0 {
			made[c.key] = t.class(c, elements[i])
		}
	}
	return made
}

// class makes the map for the packets of a class, and the chain that asks it.
func (t *services) class(c *class, elements []ruleset.Element) madeClass {
	if len(elements) == 0 {
		return madeClass{}
	}
	var words, selectors []string
	for _, id := range c.sets {
		words = append(words, strings.TrimSuffix(setWord(t.sets[id], ""), "-"))
		selectors = append(selectors, t.sets[id].Selector)
	}
	name := func(kind string) string { return ChainName(kind+dirWord(t.d), firstOf(words, ""), c.key) }
	m := mapOf(name(servicesPrefix), elements, t.iface, ruleset.L4Proto, ruleset.DstPort)
	m.Counters = true
	to := &ruleset.Chain{Name: name("peers-"), Note: cut(strings.Join(selectors, " && "), 400)}
	add(to, ruleset.VerdictMap{Fields: m.Fields, Map: m.Name})
	return madeClass{to, m}
}

// addPeers makes the maps from peers to the chains of their classes and returns their names.
func (t *services) addPeers(p *peers, classes map[string]madeClass) string {
	to := make([]ruleset.Verdict, len(p.classes))
	for i := range p.classes {
		if c := classes[p.classes[i].key].chain; c != nil {
			to[i] = ruleset.JumpChain(c.Name)
		}
	}
	var elements [2][]ruleset.Element
	for _, a := range slices.SortedFunc(maps.Keys(p.of), netip.Addr.Compare) {
		if v := to[p.of[a]]; v.Kind != ruleset.Continue {
			e := ruleset.Element{Key: ruleset.Key{}.Addr(a).String(), Verdict: v}
			if a.Is4() {
				elements[0] = append(elements[0], e)
			} else {
				elements[1] = append(elements[1], e)
			}
		}
	}
	var names []string
	for i, version := range ipVersions {
		if len(elements[i]) > 0 {
			names = append(names, t.peersName(version))
			t.b.AddSet(mapOf(t.peersName(version), elements[i], t.peer(version)))
		}
	}
	return strings.Join(names, " ")
}

func mapOf(name string, elements []ruleset.Element, fields ...ruleset.Field) *ruleset.Set {
	elements = ruleset.SortKeys(elements)
	return &ruleset.Set{Name: name, Fields: fields, Verdicts: true, Size: Size(len(elements)), Elements: elements}
}
