package compile

import (
	"maps"
	"net/netip"
	"slices"

	"rampart/engine/ir"
	"rampart/model"
)

// local is an endpoint of this node.
type local struct {
	item *item
	key  model.Key
	// dirty asks for another look at its policies.
	dirty bool
	// gone tells that it is no endpoint of this node any more.
	gone       bool
	interfaces []string
	shape      *shape
	compiled   []*ir.Endpoint
}

// nodeOf is the node of an endpoint; false for other resources.
func nodeOf(r model.Resource) (string, bool) {
	switch r := r.(type) {
	case *model.WorkloadEndpoint:
		return r.Spec.Node, true
	case *model.HostEndpoint:
		return r.Spec.Node, true
	}
	return "", false
}

func (c *Compiler) isLocal(r model.Resource) bool {
	node, ok := nodeOf(r)
	return ok && node == c.node
}

// setLocal enters an endpoint into the list of those to enforce, or takes it out. before is what the item was.
func (c *Compiler) setLocal(it *item, before model.Resource, here bool) {
	if here != (it.local != nil) {
		c.replace, c.ordered = true, nil
	} else if here && !samePlace(before, it.resource) {
		c.replace = true
	}
	switch {
	case !here && it.local != nil:
		it.local.gone = true
		it.local.take(nil)
		delete(c.locals, it.resource.Key())
		it.local = nil
		for _, n := range it.matches {
			n.locals--
		}
		c.regroup = true
	case here && it.local == nil:
		it.local = &local{item: it, key: it.resource.Key()}
		c.look(it.local)
		c.locals[it.local.key] = it.local
		for _, n := range it.matches {
			n.locals++
		}
	case here:
		c.look(it.local)
	}
}

// look asks for another look at a local's policies.
func (c *Compiler) look(l *local) {
	if !l.dirty {
		l.dirty = true
		c.dirty = append(c.dirty, l)
	}
}

// samePlace tells that two versions of an endpoint claim the same interfaces.
func samePlace(a, b model.Resource) bool {
	switch a := a.(type) {
	case *model.WorkloadEndpoint:
		b, ok := b.(*model.WorkloadEndpoint)
		return ok && a.Spec.InterfaceName == b.Spec.InterfaceName
	case *model.HostEndpoint:
		b, ok := b.(*model.HostEndpoint)
		return ok && a.Spec.InterfaceName == b.Spec.InterfaceName && slices.Equal(a.Spec.ExpectedIPs, b.Spec.ExpectedIPs)
	}
	return false
}

// order lists the node's endpoints by key.
func (c *Compiler) order() {
	if c.ordered != nil {
		return
	}
	c.endpoints = nil
	c.ordered = slices.SortedFunc(maps.Values(c.locals), func(a, b *local) int { return a.key.Compare(b.key) })
}

// compileEndpoints brings the groups of the node's endpoints up to date.
func (c *Compiler) compileEndpoints(host Host) {
	c.order()
	c.placeEndpoints(host)
	list := c.dirty
	if c.reorder {
		list = c.ordered
	}
	for _, l := range list {
		if !l.gone {
			c.compileEndpoint(l)
		}
	}
	for _, l := range c.dirty {
		l.dirty = false
	}
	c.dirty = nil
	if c.regroup {
		c.collect()
	}
}

// placeEndpoints finds the interfaces of the node's endpoints.
func (c *Compiler) placeEndpoints(host Host) {
	if !c.replace && slices.EqualFunc(host.Interfaces, c.interfaces, sameInterface) {
		return
	}
	c.replace = false
	c.interfaces = nil
	for _, i := range host.Interfaces {
		c.interfaces = append(c.interfaces, Interface{i.Name, slices.Clone(i.Addrs)})
	}
	for l, names := range place(slices.Clone(c.ordered), host) {
		if !slices.Equal(l.interfaces, names) {
			l.interfaces = names
			c.look(l)
		}
	}
}

func sameInterface(a, b Interface) bool { return a.Name == b.Name && slices.Equal(a.Addrs, b.Addrs) }

func (l *local) workload() bool {
	_, ok := l.item.resource.(*model.WorkloadEndpoint)
	return ok
}

func (c *Compiler) compileEndpoint(l *local) {
	var policies []*policy
	for _, n := range l.item.matches {
		policies = append(policies, n.subjects...)
	}
	slices.SortFunc(policies, func(a, b *policy) int { return a.rank - b.rank })

	e := ir.Endpoint{Key: l.key, Origin: l.item.resource.Source()}
	class := hostInterface
	var names []string
	switch r := l.item.resource.(type) {
	case *model.WorkloadEndpoint:
		class, names = workload, r.Spec.Profiles
		e.Workload, e.Addrs, e.SpoofAllowed = true, l.item.nets.Slice(), prefixes(r.Spec.AllowSpoofedSourcePrefixes)
	case *model.HostEndpoint:
		names = r.Spec.Profiles
		if r.Spec.InterfaceName == anyInterface {
			class = hostAny
		}
	}
	var profiles []*profile
	for _, n := range names {
		if p := c.profileNamed(n); !slices.Contains(profiles, p) {
			profiles = append(profiles, p)
		}
	}
	if l.take(c.shapeOf(class, policies, profiles)) {
		c.regroup = true
	}
	for i := range model.NumLayers {
		e.Ingress[i], e.Egress[i] = l.shape.ingress[i].program(), l.shape.egress[i].program()
	}
	old := l.compiled
	l.compiled = nil
	for i, name := range l.interfaces {
		n := e
		n.Interface = name
		ir.SealEndpoint(&n)
		if i < len(old) && same(old[i], &n) {
			l.compiled = append(l.compiled, old[i])
		} else {
			l.compiled = append(l.compiled, &n)
		}
	}
	if !slices.Equal(old, l.compiled) {
		c.altered = append(c.altered, alteration{old, l.compiled})
	}
}

// take gives the endpoint a shape, nil for none, and tells whether it is another one.
func (l *local) take(s *shape) bool {
	if l.shape == s {
		return false
	}
	if l.shape != nil {
		l.shape.count--
	}
	if s != nil {
		s.count++
	}
	l.shape = s
	return true
}

// alteration is what was compiled of an endpoint before, and what is now.
type alteration struct{ old, new []*ir.Endpoint }

// maxAltered is up to how many endpoints are looked for in the list one by one.
const maxAltered = 100

// listEndpoints brings the list of compiled endpoints up to date. The one before belongs to the last program.
func (c *Compiler) listEndpoints() {
	altered := c.altered
	c.altered = nil
	if c.endpoints != nil && len(altered) == 0 || c.alterEndpoints(altered) {
		return
	}
	c.endpoints = make([]*ir.Endpoint, 0, len(c.ordered))
	for _, l := range c.ordered {
		c.endpoints = append(c.endpoints, l.compiled...)
	}
}

// alterEndpoints replaces a few endpoints in the list; false when there is more to it.
func (c *Compiler) alterEndpoints(list []alteration) bool {
	if c.endpoints == nil || len(list) > maxAltered {
		return false
	}
	next := slices.Clone(c.endpoints)
	for _, a := range list {
		if len(a.old) != len(a.new) {
			return false
		}
		at, ok := slices.BinarySearchFunc(next, a.new[0].Key, func(e *ir.Endpoint, k model.Key) int { return e.Key.Compare(k) })
		if !ok {
			return false
		}
		copy(next[at:], a.new)
	}
	c.endpoints = next
	return true
}

// same tells that an endpoint of the last program can stand for the new one, pointers to groups included.
func same(a, b *ir.Endpoint) bool {
	return a.Sum == b.Sum && a.Origin == b.Origin && a.Ingress == b.Ingress && a.Egress == b.Egress
}

func (g *group) program() *ir.Group {
	if g == nil {
		return nil
	}
	return g.ir
}

func prefixes(nets []model.Net) []netip.Prefix {
	var out []netip.Prefix
	for _, n := range nets {
		if n.IsValid() {
			out = append(out, n.Masked())
		}
	}
	return out
}
