package compile

import (
	"maps"
	"slices"

	"rampart/model"
)

// load takes in resources that are new or different, and the keys of those that are gone. What labels are inherited
// from goes first, because items look it up.
func (c *Compiler) load(resources func(func(model.Resource) bool), removed ...model.Key) {
	c.changed.profiles, c.changed.namespaces, c.changed.accounts = map[string]bool{}, map[string]bool{}, map[accountName]bool{}
	type entry struct {
		key model.Key
		r   model.Resource
	}
	var later []entry
	for _, k := range removed {
		if isItem(k.Kind) {
			later = append(later, entry{k, nil})
		} else {
			c.put(k, nil)
		}
	}
	for r := range resources {
		k := r.Key()
		if isItem(k.Kind) {
			later = append(later, entry{k, r})
		} else {
			c.put(k, r)
		}
	}
	c.refreshDependents()
	for _, e := range later {
		c.putItem(e.key, e.r)
	}
}

func isItem(k model.Kind) bool {
	switch k {
	case model.KindHostEndpoint, model.KindWorkloadEndpoint, model.KindNetworkSet, model.KindGlobalNetworkSet:
		return true
	}
	return false
}

// put takes in a resource that others refer to, or a policy; r is nil when it is gone.
func (c *Compiler) put(k model.Key, r model.Resource) {
	switch k.Kind {
	case model.KindTier:
		replace(c.tiers, k.Name, r)
		c.reorder = true
	case model.KindProfile:
		old := c.profiles[k.Name]
		now := replace(c.profiles, k.Name, r)
		if !maps.Equal(labelsToApply(old), labelsToApply(now)) {
			c.changed.profiles[k.Name] = true
		}
		c.forgetProfile(k.Name)
		c.reorder = true
	case model.KindNamespace:
		old := c.namespaces[k.Name]
		now := replace(c.namespaces, k.Name, r)
		if old == nil || now == nil || !maps.Equal(old.Metadata.Labels, now.Metadata.Labels) {
			c.changed.namespaces[k.Name] = true
		}
	case model.KindServiceAccount:
		name := accountName{k.Namespace, k.Name}
		old := c.accounts[name]
		now := replace(c.accounts, name, r)
		if old == nil || now == nil || !maps.Equal(old.Metadata.Labels, now.Metadata.Labels) {
			c.changed.accounts[name] = true
		}
	default:
		c.putPolicy(k, r)
	}
}

func replace[K comparable, T model.Resource](table map[K]T, k K, r model.Resource) (now T) {
	if r == nil {
		delete(table, k)
		return now
	}
	now = r.(T)
	table[k] = now
	return now
}

func labelsToApply(p *model.Profile) map[string]string {
	if p == nil {
		return nil
	}
	return p.Spec.LabelsToApply
}

func (c *Compiler) putPolicy(k model.Key, r model.Resource) {
	old := c.policies[k]
	delete(c.policies, k)
	if m := asPolicy(r); m != nil {
		p := newPolicy(r, m, c.nextSerial())
		sel := m.EndpointSelector()
		p.subject = c.selections.hold(sel, sel.String())
		p.subject.subjects = append(p.subject.subjects, p)
		c.policies[k] = p
	}
	if old != nil {
		i := slices.Index(old.subject.subjects, old)
		old.subject.subjects = slices.Delete(old.subject.subjects, i, i+1)
		c.selections.release(old.subject)
		c.retire(&old.owner)
	}
	c.reorder = true
}
