package eval

import (
	"net/netip"
	"slices"

	"rampart/model"
)

// oracleKubernetesPolicy reads a Kubernetes NetworkPolicy. Its rules only allow; the numbers they get are those of the
// rules Calico converts them to: for every rule one for each protocol, in order of name, and for each peer.
func oracleKubernetesPolicy(r *model.KubernetesNetworkPolicy) oraclePolicy {
	p := oraclePolicy{key: r.Key(), origin: r.Origin, tier: "default", order: 1000, governs: r.Spec.PolicyTypes}
	if len(p.governs) == 0 {
		p.governs = []model.Direction{model.Ingress}
		if len(r.Spec.Egress) > 0 {
			p.governs = append(p.governs, model.Egress)
		}
	}
	namespace := r.Metadata.Namespace
	p.selects = func(o *Oracle, labels map[string]string) bool {
		return oracleIsPod(labels) && labels[oracleNamespace] == namespace && oracleLabelSelector(&r.Spec.PodSelector, labels, "")
	}
	for _, in := range r.Spec.Ingress {
		p.ingress = append(p.ingress, oracleKubernetesRules(len(p.ingress), namespace, in.Origin, in.Ports, in.From, model.Ingress)...)
	}
	for _, out := range r.Spec.Egress {
		p.egress = append(p.egress, oracleKubernetesRules(len(p.egress), namespace, out.Origin, out.Ports, out.To, model.Egress)...)
	}
	return p
}

func oracleKubernetesRules(first int, namespace string, at model.Origin, ports []model.KubernetesPort, peers []model.KubernetesPeer, dir model.Direction) []oracleRule {
	protocol := func(port model.KubernetesPort) model.Protocol {
		if port.Protocol.IsZero() {
			return model.Protocol{Name: "TCP", Number: 6}
		}
		return port.Protocol
	}
	protocols := []model.Protocol{}
	for _, port := range ports {
		if !slices.Contains(protocols, protocol(port)) {
			protocols = append(protocols, protocol(port))
		}
	}
	slices.SortFunc(protocols, func(a, b model.Protocol) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	if len(ports) == 0 {
		protocols = append(protocols, model.Protocol{})
	}
	anyone := len(peers) == 0
	if anyone {
		peers = []model.KubernetesPeer{{}}
	}
	var rules []oracleRule
	for _, proto := range protocols {
		for _, peer := range peers {
			rules = append(rules, oracleRule{
				index: first + len(rules), action: model.Allow, origin: at,
				matches: func(o *Oracle, p *model.Packet) bool {
					far := p.Src
					if dir == model.Egress {
						far = p.Dst
					}
					if !anyone && !o.kubernetesPeer(&peer, namespace, far) {
						return false
					}
					if proto.IsZero() {
						return true
					}
					if p.Protocol != proto.Number {
						return false
					}
					all := false
					for _, port := range ports {
						all = all || protocol(port) == proto && port.Port == nil
					}
					if all {
						return true
					}
					return slices.ContainsFunc(ports, func(port model.KubernetesPort) bool {
						return protocol(port) == proto && o.kubernetesPort(port, &peer, anyone || dir == model.Ingress, namespace, p)
					})
				},
			})
		}
	}
	return rules
}

// kubernetesPeer tells whether an address belongs to a peer: a block of addresses, or pods of the chosen namespaces.
func (o *Oracle) kubernetesPeer(peer *model.KubernetesPeer, namespace string, a netip.Addr) bool {
	if b := peer.IPBlock; b != nil {
		return b.CIDR.Contains(a) && !anyNet(b.Except, a)
	}
	return slices.ContainsFunc(o.peers, func(known oraclePeer) bool { return known.has(a) && oraclePodSelected(peer, namespace, known.labels) })
}

func oraclePodSelected(peer *model.KubernetesPeer, namespace string, labels map[string]string) bool {
	ns, inNamespace := labels[oracleNamespace]
	switch {
	case !oracleIsPod(labels) || !inNamespace:
		return false
	case peer.NamespaceSelector == nil && ns != namespace:
		return false
	case peer.NamespaceSelector != nil && !oracleLabelSelector(peer.NamespaceSelector, labels, "pcns."):
		return false
	}
	return peer.PodSelector == nil || oracleLabelSelector(peer.PodSelector, labels, "")
}

// kubernetesPort tells whether a packet goes to a port. A name means the port that the destination pod gives this name;
// in an egress rule the pod must be one of the peer's.
func (o *Oracle) kubernetesPort(port model.KubernetesPort, peer *model.KubernetesPeer, anyPod bool, namespace string, p *model.Packet) bool {
	switch {
	case p.Fragment:
		return false
	case port.Port.Name == "" && port.EndPort != nil:
		return port.Port.Min <= p.DstPort && int(p.DstPort) <= *port.EndPort
	case port.Port.Name == "":
		return port.Port.Min == p.DstPort
	}
	for i := range o.peers {
		known := &o.peers[i]
		if !known.has(p.Dst) || !anyPod && peer.IPBlock == nil && !oraclePodSelected(peer, namespace, known.labels) {
			continue
		}
		for _, def := range known.ports {
			if def.Name == port.Port.Name && def.Port == int(p.DstPort) && def.Protocol.Number == p.Protocol {
				return true
			}
		}
	}
	return false
}

func oracleIsPod(labels map[string]string) bool { return labels[oracleOrchestrator] == "k8s" }

// oracleLabelSelector evaluates a Kubernetes label selector over the labels that have a prefix.
func oracleLabelSelector(s *model.LabelSelector, labels map[string]string, prefix string) bool {
	for k, want := range s.MatchLabels {
		if v, ok := labels[prefix+k]; !ok || v != want {
			return false
		}
	}
	for _, e := range s.MatchExpressions {
		v, ok := labels[prefix+e.Key]
		var holds bool
		switch e.Operator {
		case "In":
			holds = ok && slices.Contains(e.Values, v)
		case "NotIn":
			holds = !ok || !slices.Contains(e.Values, v)
		case "Exists":
			holds = ok
		case "DoesNotExist":
			holds = !ok
		}
		if !holds {
			return false
		}
	}
	return true
}
