package compile

import (
	"net/netip"
	"slices"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/selector"
	"rampart/model/store"
)

// item is an endpoint or a network set, of any node: something selectors match.
type item struct {
	resource model.Resource
	labels   selector.List
	// matches are the selections that match, in no order.
	matches []*selection
	nets    ir.Prefixes
	ports   []portDefinition
	// endpoint is false for network sets.
	endpoint bool
	// local is the enforcement side of an endpoint of this node.
	local *local
}

// portDefinition is a port an endpoint gives a name to.
type portDefinition struct {
	name     string
	protocol uint8
	port     uint16
}

// describe reads what a resource contributes to sets. Addresses may repeat on one item; it counts once.
func (it *item) describe(r model.Resource) {
	it.nets = ir.PrefixesOf(slices.Collect(store.Prefixes(r))...)
	it.describeRest(r)
}

func (it *item) describeRest(r model.Resource) {
	it.resource = r
	var ports []model.EndpointPort
	switch r := r.(type) {
	case *model.WorkloadEndpoint:
		it.endpoint, ports = true, r.Spec.Ports
	case *model.HostEndpoint:
		it.endpoint, ports = true, r.Spec.Ports
	}
	it.ports = nil
	for _, p := range ports {
		d := portDefinition{name: p.Name, protocol: p.Protocol.Number, port: uint16(p.Port)}
		if p.Name != "" && model.HasPorts(d.protocol) && !slices.Contains(it.ports, d) {
			it.ports = append(it.ports, d)
		}
	}
}

// putItem adds or replaces an endpoint or network set; r is nil to remove it.
func (c *Compiler) putItem(key model.Key, r model.Resource) {
	it := c.items[key]
	if r == nil {
		if it != nil {
			c.detachAll(it)
			c.setLocal(it, it.resource, false)
			delete(c.items, key)
		}
		return
	}
	if it == nil {
		it = &item{}
		c.items[key] = it
	} else {
		next := item{}
		add, del, near := it.near(r)
		if near {
			next.nets = it.nets.Edit(add, del)
			next.describeRest(r)
		} else {
			next.describe(r)
		}
		same := slices.Equal(it.ports, next.ports)
		if same && len(it.ports) == 0 {
			if !near {
				add, del = next.nets.Since(it.nets)
			}
			c.readdress(it, next.nets, add, del)
		} else if same {
			same = it.nets.Equal(next.nets)
		}
		if same {
			before := it.resource
			it.resource = r
			c.setLocal(it, before, c.isLocal(r))
			c.relabel(it)
			return
		}
		c.detachAll(it)
	}
	before := it.resource
	it.describe(r)
	it.labels = c.labelsOf(r)
	c.setLocal(it, before, c.isLocal(r))
	c.selections.index.Candidates(&it.labels, func(e *store.SelectorEntry[*selection]) {
		if e.Value.matches(&it.labels) {
			c.attach(it, e.Value)
		}
	})
}

// readdress gives an item without ports other nets: the sets it is in lose and gain what differs.
func (c *Compiler) readdress(it *item, nets ir.Prefixes, add, del []netip.Prefix) {
	it.nets = nets
	if len(add)+len(del) == 0 {
		return
	}
	for _, n := range it.matches {
		for _, s := range n.sets {
			if n.refs > 0 && !s.fresh && s.kind == ir.SetNets {
				s.nets.add, s.nets.del = append(s.nets.add, add...), append(s.nets.del, del...)
				c.sets.touch(s)
			}
		}
	}
}

// relabel re-evaluates the selectors that mention a label that is not what it was.
func (c *Compiler) relabel(it *item) {
	old := it.labels
	it.labels = c.labelsOf(it.resource)
	changed := differing(old, it.labels)
	if len(changed) == 0 {
		return
	}
	for i := 0; i < len(it.matches); {
		n := it.matches[i]
		if !slices.ContainsFunc(changed, n.entry.Mentions) || n.matches(&it.labels) {
			i++
			continue
		}
		c.detach(it, n)
		last := len(it.matches) - 1
		it.matches[i] = it.matches[last]
		it.matches = it.matches[:last]
	}
	c.selections.index.Affected(changed, &it.labels, func(e *store.SelectorEntry[*selection]) {
		if e.Value.matches(&it.labels) && !slices.Contains(it.matches, e.Value) {
			c.attach(it, e.Value)
		}
	})
}

// differing are the names of labels that two lists do not both have with the same value.
func differing(old, new selector.List) []string {
	var names []string
	for len(old) > 0 || len(new) > 0 {
		switch {
		case len(new) == 0 || len(old) > 0 && old[0].Name < new[0].Name:
			names, old = append(names, old[0].Name), old[1:]
		case len(old) == 0 || old[0].Name > new[0].Name:
			names, new = append(names, new[0].Name), new[1:]
		default:
			if old[0].Value != new[0].Value {
				names = append(names, old[0].Name)
			}
			old, new = old[1:], new[1:]
		}
	}
	return names
}

// labelsOf are the labels that selectors see on a resource.
func (c *Compiler) labelsOf(r model.Resource) selector.List {
	clear(c.scratch)
	c.inheritance().AddEffectiveLabels(c.scratch, r)
	return selector.ListOf(c.scratch)
}

// refreshDependents relabels the items that inherit from what changed.
func (c *Compiler) refreshDependents() {
	if len(c.changed.profiles)+len(c.changed.namespaces)+len(c.changed.accounts) == 0 {
		return
	}
	for _, it := range c.items {
		if c.inherits(it.resource) {
			c.relabel(it)
		}
	}
}

// inherits tells whether labels come to the resource from something that changed.
func (c *Compiler) inherits(r model.Resource) bool {
	namespace := r.Meta().Namespace
	if namespace != "" && c.changed.namespaces[namespace] {
		return true
	}
	var profiles []string
	switch r := r.(type) {
	case *model.WorkloadEndpoint:
		if c.changed.accounts[accountName{namespace, r.Spec.ServiceAccountName}] {
			return true
		}
		profiles = r.Spec.Profiles
	case *model.HostEndpoint:
		profiles = r.Spec.Profiles
	}
	return slices.ContainsFunc(profiles, func(p string) bool { return c.changed.profiles[p] })
}

// inheritance serves label inheritance from the compiler's own tables.
func (c *Compiler) inheritance() model.Inheritance {
	return model.Inheritance{
		Profile:   func(name string) *model.Profile { return c.profiles[name] },
		Namespace: func(name string) *model.Namespace { return c.namespaces[name] },
		ServiceAccount: func(namespace, name string) *model.ServiceAccount {
			return c.accounts[accountName{namespace, name}]
		},
	}
}
