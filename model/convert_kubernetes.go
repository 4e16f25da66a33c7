package model

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"rampart/model/selector"
)

// kubernetesOrder is where Calico puts every Kubernetes network policy in the default tier.
const kubernetesOrder = 1000

// Policy is the policy the Kubernetes network policy stands for, converted as Calico does. It keeps its name, kind and
// origin. A Kubernetes rule becomes one rule for each protocol and peer; each keeps the origin of the Kubernetes rule.
func (k *KubernetesNetworkPolicy) Policy() *Policy {
	order := float64(kubernetesOrder)
	p := &Policy{Object: k.Object, Spec: PolicySpec{
		Tier:         DefaultTier,
		Order:        &order,
		StagedAction: k.Spec.StagedAction,
		Selector:     k.Spec.PodSelector.podSelector(),
		Types:        k.policyTypes(),
	}}
	for _, r := range k.Spec.Ingress {
		for _, c := range kubernetesRules(r.Ports, r.From) {
			p.Spec.Ingress = append(p.Spec.Ingress, Rule{Action: Allow, Protocol: c.protocol, Source: c.peer,
				Destination: EntityRule{Ports: c.ports}, Origin: r.Origin})
		}
	}
	for _, r := range k.Spec.Egress {
		for _, c := range kubernetesRules(r.Ports, r.To) {
			c.peer.Ports = c.ports
			p.Spec.Egress = append(p.Spec.Egress, Rule{Action: Allow, Protocol: c.protocol, Destination: c.peer, Origin: r.Origin})
		}
	}
	return p
}

// policyTypes defaults as the Kubernetes API server does: Ingress always, Egress when there are egress rules.
func (k *KubernetesNetworkPolicy) policyTypes() []Direction {
	given := k.Spec.PolicyTypes
	if len(given) == 0 {
		given = []Direction{Ingress}
		if len(k.Spec.Egress) > 0 {
			given = append(given, Egress)
		}
	}
	var types []Direction
	for _, d := range Directions() {
		if slices.Contains(given, d) {
			types = append(types, d)
		}
	}
	return types
}

// kubernetesRule is one protocol with its ports (all, if none) and one peer.
type kubernetesRule struct {
	protocol Protocol
	ports    []Port
	peer     EntityRule
}

func kubernetesRules(ports []KubernetesPort, peers []KubernetesPeer) []kubernetesRule {
	entities := []EntityRule{{}} // no peers: anyone
	if len(peers) > 0 {
		entities = entities[:0]
	}
	for i := range peers {
		entities = append(entities, peers[i].entity())
	}
	var rules []kubernetesRule
	for _, r := range groupPorts(ports) {
		for _, e := range entities {
			r.peer = e
			rules = append(rules, r)
		}
	}
	return rules
}

// groupPorts makes one rule for each protocol, sorted by name. A port without a number covers all ports of its protocol.
func groupPorts(ports []KubernetesPort) []kubernetesRule {
	if len(ports) == 0 {
		return []kubernetesRule{{}}
	}
	byProtocol := map[string]*kubernetesRule{}
	all := map[string]bool{}
	for i := range ports {
		protocol := ports[i].protocol()
		name := protocol.String()
		r := byProtocol[name]
		if r == nil {
			r = &kubernetesRule{protocol: protocol}
			byProtocol[name] = r
		}
		if port, ok := ports[i].port(); ok {
			r.ports = append(r.ports, port)
		} else {
			all[name] = true
		}
	}
	var rules []kubernetesRule
	for _, name := range slices.Sorted(maps.Keys(byProtocol)) {
		r := byProtocol[name]
		if all[name] {
			r.ports = nil
		}
		r.ports = mergePorts(r.ports)
		rules = append(rules, *r)
	}
	return rules
}

func (p *KubernetesPort) protocol() Protocol {
	if p.Protocol.IsZero() {
		return Protocol{Name: "TCP", Number: ProtoTCP}
	}
	return p.Protocol
}

func (p *KubernetesPort) port() (Port, bool) {
	if p.Port == nil {
		return Port{}, false
	}
	port := *p.Port
	if end := p.EndPort; end != nil && port.Name == "" && *end > int(port.Max) && *end <= 65535 {
		port.Max = uint16(*end)
	}
	return port, true
}

// mergePorts joins numeric ports into as few ranges as possible and puts them after the named ones; with fewer than two
// numbers there is nothing to join and the order stays.
func mergePorts(ports []Port) []Port {
	var named, numeric []Port
	for _, p := range ports {
		if p.Name != "" {
			named = append(named, p)
		} else {
			numeric = append(numeric, p)
		}
	}
	if len(ports) < 2 || len(numeric) == 0 || len(numeric) == 1 && numeric[0].Min == numeric[0].Max {
		return ports
	}
	slices.SortFunc(numeric, func(a, b Port) int { return cmp.Compare(a.Min, b.Min) })
	merged := named
	for i, p := range numeric {
		last := len(merged) - 1
		if i > 0 && int(p.Min) <= int(merged[last].Max)+1 {
			merged[last].Max = max(merged[last].Max, p.Max)
			continue
		}
		merged = append(merged, p)
	}
	return merged
}

func (p *KubernetesPeer) entity() EntityRule {
	if b := p.IPBlock; b != nil {
		e := EntityRule{Nets: []netip.Prefix{b.CIDR.Masked()}}
		for _, n := range b.Except {
			e.NotNets = append(e.NotNets, n.Masked())
		}
		return e
	}
	e := EntityRule{Selector: p.PodSelector.podSelector()}
	if s := p.NamespaceSelector; s != nil {
		e.NamespaceSelector = strings.Join(s.conditions(), " && ")
		if e.NamespaceSelector == "" {
			e.NamespaceSelector = "all()"
		}
	}
	return e
}

// podSelector is the selector over pods, and only pods; nil and the empty one select all of them.
func (s *LabelSelector) podSelector() string {
	conditions := []string{selector.Equals(LabelOrchestrator, "k8s").String()}
	return strings.Join(append(conditions, s.conditions()...), " && ")
}

func (s *LabelSelector) conditions() []string {
	if s == nil {
		return nil
	}
	var c []string
	for _, k := range slices.Sorted(maps.Keys(s.MatchLabels)) {
		c = append(c, selector.Equals(k, s.MatchLabels[k]).String())
	}
	for _, e := range s.MatchExpressions {
		var sel *selector.Selector
		switch e.Operator {
		case "In":
			sel = selector.In(e.Key, e.Values...)
		case "NotIn":
			sel = selector.NotIn(e.Key, e.Values...)
		case "Exists":
			sel = selector.Has(e.Key)
		case "DoesNotExist":
			sel = selector.Not(selector.Has(e.Key))
		default:
			sel = matchesNothing // validation has reported it
		}
		c = append(c, sel.String())
	}
	return c
}
