package gen

import "rampart/model"

// kubernetesPolicy is a Kubernetes NetworkPolicy, sometimes staged.
func (d *dice) kubernetesPolicy() *model.KubernetesNetworkPolicy {
	kind := one(d, model.KindKubernetesNetworkPolicy, model.KindKubernetesNetworkPolicy, model.KindKubernetesNetworkPolicy, model.KindStagedKubernetesNetworkPolicy)
	k := model.New(kind).(*model.KubernetesNetworkPolicy)
	k.Metadata.Name, k.Metadata.Namespace, k.Origin = one(d, policyNames...), one(d, spaceNames...), d.origin()
	s := &k.Spec
	if d.chance(60) {
		s.PodSelector = *d.labelSelector(endpointWords)
	}
	if d.chance(60) {
		s.PolicyTypes = one(d, []model.Direction{model.Ingress}, []model.Direction{model.Egress}, []model.Direction{model.Ingress, model.Egress})
	}
	if !d.chance(25) {
		for range 1 + d.IntN(2) {
			s.Ingress = append(s.Ingress, model.KubernetesIngressRule{Ports: d.kubernetesPorts(), From: d.kubernetesPeers(), Origin: d.origin()})
		}
	}
	if d.chance(50) {
		for range 1 + d.IntN(2) {
			s.Egress = append(s.Egress, model.KubernetesEgressRule{Ports: d.kubernetesPorts(), To: d.kubernetesPeers(), Origin: d.origin()})
		}
	}
	return k
}

func (d *dice) kubernetesPorts() []model.KubernetesPort {
	var out []model.KubernetesPort
	for range d.IntN(4) {
		var p model.KubernetesPort
		if d.chance(70) {
			p.Protocol = one(d, model.Protocol{Name: "TCP", Number: 6}, model.Protocol{Name: "UDP", Number: 17}, model.Protocol{Name: "SCTP", Number: 132})
		}
		switch {
		case d.chance(15): // any port of the protocol
		case d.chance(30):
			p.Port = &model.Port{Name: one(d, portNames...)}
		default:
			port := model.SinglePort(one(d, ruleNumbers...))
			p.Port = &port
			if d.chance(30) {
				end := min(int(port.Min)+one(d, 0, 1, 100, 40000), 65535)
				p.EndPort = &end
			}
		}
		out = append(out, p)
	}
	return out
}

func (d *dice) kubernetesPeers() []model.KubernetesPeer {
	var out []model.KubernetesPeer
	for range d.IntN(3) {
		var p model.KubernetesPeer
		if d.chance(35) {
			n := d.net(one(d, 4, 4, 6))
			p.IPBlock = &model.IPBlock{CIDR: n}
			if hole, err := n.Addr().Prefix(n.Bits() + 1); err == nil && d.chance(50) {
				p.IPBlock.Except = append(p.IPBlock.Except, hole)
			}
		} else {
			if d.chance(60) {
				p.PodSelector = d.labelSelector(endpointWords)
			}
			if d.chance(60) || p.PodSelector == nil {
				p.NamespaceSelector = d.labelSelector(spaceWords)
			}
		}
		out = append(out, p)
	}
	return out
}

func (d *dice) labelSelector(v vocabulary) *model.LabelSelector {
	s := &model.LabelSelector{}
	if d.chance(25) {
		return s
	}
	if d.chance(60) {
		s.MatchLabels = map[string]string{one(d, v.keys...): one(d, v.values...)}
	}
	if d.chance(50) {
		e := model.LabelSelectorRequirement{Key: one(d, v.keys...), Operator: one(d, "In", "NotIn", "Exists", "DoesNotExist")}
		if e.Operator == "In" || e.Operator == "NotIn" {
			e.Values = some(d, 2, v.values)
		}
		s.MatchExpressions = append(s.MatchExpressions, e)
	}
	return s
}
