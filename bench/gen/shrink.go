package gen

import (
	"encoding/json"
	"slices"

	"rampart/model"
)

// shrinkBudget bounds how many smaller worlds Shrink tries.
const shrinkBudget = 20_000

// Shrink makes a failing world and probe smaller for as long as fails says that they still fail: it drops resources, then
// whatever a resource's document can do without (rules, fields, items of lists), then parts of the packet. Every world it
// tries is valid. Origins are lost where a document was cut. fails must be deterministic; it is called a few thousand
// times at most.
func Shrink(world []model.Resource, probe model.Probe, fails func([]model.Resource, model.Probe) bool) ([]model.Resource, model.Probe) {
	s := &shrinker{world: slices.Clone(world), probe: probe, fails: fails, budget: shrinkBudget}
	for again := true; again; {
		again = s.dropResources()
		again = s.cutDocuments() || again
		again = s.simplifyPacket() || again
	}
	return s.world, s.probe
}

type shrinker struct {
	world  []model.Resource
	probe  model.Probe
	fails  func([]model.Resource, model.Probe) bool
	budget int
}

// try adopts a smaller world or probe if it still fails.
func (s *shrinker) try(world []model.Resource, probe model.Probe) bool {
	if s.budget == 0 {
		return false
	}
	s.budget--
	if !s.fails(world, probe) {
		return false
	}
	s.world, s.probe = world, probe
	return true
}

// dropResources removes runs of resources, long ones first.
func (s *shrinker) dropResources() (smaller bool) {
	for run := len(s.world) / 2; run > 0; run /= 2 {
		for at := 0; at+run <= len(s.world); {
			if s.try(slices.Delete(slices.Clone(s.world), at, at+run), s.probe) {
				smaller = true
			} else {
				at += run
			}
		}
	}
	return smaller
}

func (s *shrinker) cutDocuments() (smaller bool) {
	for i := range s.world {
		// A cut changes the places of later cuts, so each success starts the document again.
		for from := 0; ; {
			next, ok := s.cutFrom(i, from)
			if !ok {
				break
			}
			from, smaller = next, true
		}
	}
	return smaller
}

// cutFrom tries to cut the document at each place from the given one, and returns the place that could be cut.
func (s *shrinker) cutFrom(i, from int) (place int, ok bool) {
	body, err := json.Marshal(s.world[i])
	if err != nil {
		return 0, false
	}
	for place = from; ; place++ {
		var doc any
		if json.Unmarshal(body, &doc) != nil {
			return 0, false
		}
		left := place
		doc, done := cut(doc, &left)
		if !done {
			return 0, false
		}
		smaller, err := json.Marshal(doc)
		if err != nil {
			return 0, false
		}
		r := model.New(s.world[i].Key().Kind)
		if model.UnmarshalStrict(smaller, r) != nil || r.Key() != s.world[i].Key() || !valid(r) {
			continue
		}
		world := slices.Clone(s.world)
		world[i] = r
		if s.try(world, s.probe) {
			return place, true
		}
	}
}

// cut removes the place-th field or item of a document, counting outer ones before inner ones.
func cut(doc any, place *int) (any, bool) {
	switch doc := doc.(type) {
	case map[string]any:
		keys := make([]string, 0, len(doc))
		for k := range doc {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			if *place == 0 {
				delete(doc, k)
				return doc, true
			}
			*place--
			inner, done := cut(doc[k], place)
			if doc[k] = inner; done {
				return doc, true
			}
		}
	case []any:
		for i := range doc {
			if *place == 0 {
				return slices.Delete(doc, i, i+1), true
			}
			*place--
			inner, done := cut(doc[i], place)
			if doc[i] = inner; done {
				return doc, true
			}
		}
	}
	return doc, false
}

func (s *shrinker) simplifyPacket() (smaller bool) {
	for _, change := range []func(*model.Probe){
		func(p *model.Probe) { p.Packet.HTTP = nil },
		func(p *model.Probe) { p.Packet.Fragment = false },
		func(p *model.Probe) { p.Packet.ICMPCode = 0 },
		func(p *model.Probe) { p.Layer = model.LayerNormal },
		func(p *model.Probe) { p.Packet.SrcPort = min(p.Packet.SrcPort, 1) },
		func(p *model.Probe) { p.Packet.DstPort = min(p.Packet.DstPort, 1) },
	} {
		probe := s.probe
		if change(&probe); probe != s.probe && s.try(s.world, probe) {
			smaller = true
		}
	}
	return smaller
}

// valid tells whether validation finds no error in the resource.
func valid(r model.Resource) bool {
	return !slices.ContainsFunc(model.Validate(r), func(e model.FieldError) bool { return !e.Warning })
}
