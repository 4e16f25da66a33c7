package model

import (
	"cmp"
	"slices"
	"strings"
)

// kubernetesPolicy follows the API server's validation of network policies.
func (f *findings) kubernetesPolicy(k *KubernetesNetworkPolicy) {
	s := &k.Spec
	if k.Kind.Staged() {
		f.stagedAction(s.StagedAction)
		if s.StagedAction == stagedDelete && (len(s.PodSelector.MatchLabels)+len(s.PodSelector.MatchExpressions)+
			len(s.PolicyTypes)+len(s.Ingress)+len(s.Egress) > 0) {
			f.errorf("spec", "Spec fields, except Tier, should all be zero-value if stagedAction is Delete")
		}
	} else if s.StagedAction != "" {
		f.errorf("spec.stagedAction", "a %s has no field stagedAction", k.Kind)
	}
	f.labelSelector("spec.podSelector", &s.PodSelector)
	known := f.types("spec.policyTypes", s.PolicyTypes)
	for i := range s.Ingress {
		at := index("spec.ingress", i)
		f.kubernetesPorts(at+".ports", s.Ingress[i].Ports)
		f.kubernetesPeers(at+".from", s.Ingress[i].From)
	}
	for i := range s.Egress {
		at := index("spec.egress", i)
		f.kubernetesPorts(at+".ports", s.Egress[i].Ports)
		f.kubernetesPeers(at+".to", s.Egress[i].To)
	}
	types := k.policyTypes()
	if len(s.Ingress) > 0 && !slices.Contains(types, Ingress) && known {
		f.warnf("spec.ingress", "the rules have no effect: policyTypes does not include %q", Ingress)
	}
	if len(s.Egress) > 0 && !slices.Contains(types, Egress) && known {
		f.warnf("spec.egress", "the rules have no effect: policyTypes does not include %q", Egress)
	}
}

var labelOperators = []string{"In", "NotIn", "Exists", "DoesNotExist"}

func (f *findings) labelSelector(at string, s *LabelSelector) {
	if s == nil {
		return
	}
	f.labels(at+".matchLabels", s.MatchLabels)
	for i, e := range s.MatchExpressions {
		path := index(at+".matchExpressions", i)
		if msg := qualifiedName(e.Key); msg != "" {
			f.errorf(path+".key", "label name: %s", msg)
		}
		switch e.Operator {
		case "In", "NotIn":
			if len(e.Values) == 0 {
				f.errorf(path+".values", "must be specified when `operator` is 'In' or 'NotIn'")
			}
		case "Exists", "DoesNotExist":
			if len(e.Values) > 0 {
				f.errorf(path+".values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
			}
		default:
			f.notOneOf(path+".operator", "not a valid selector operator: "+strings.Join(labelOperators, ", "), labelOperators)
		}
		for j, v := range e.Values {
			if msg := labelValue(v); msg != "" {
				f.errorf(index(path+".values", j), "label value: %s", msg)
			}
		}
	}
}

const msgKubernetesPort = "a Kubernetes port is one number or name; write a range with endPort"

func (f *findings) kubernetesPorts(at string, ports []KubernetesPort) {
	for i := range ports {
		p, path := &ports[i], index(at, i)
		if !HasPorts(p.protocol().Number) || p.protocol().Name == "" {
			f.oneOf(path+".protocol", "SCTP", "TCP", "UDP")
		}
		switch {
		case p.Port == nil:
			if p.EndPort != nil {
				f.errorf(path+".endPort", "may not be specified when `port` is not specified")
			}
			continue
		case p.Port.Name != "":
			if portSpan.MatchString(p.Port.Name) {
				f.errorf(path+".port", msgKubernetesPort)
			} else if msg := endpointPortName(p.Port.Name); msg != "" {
				f.errorf(path+".port", "%s", cmp.Or(portHint(p.Port.Name), msg))
			}
			if p.EndPort != nil {
				f.errorf(path+".endPort", "may not be specified when `port` is non-numeric")
			}
			continue
		case p.Port.Min != p.Port.Max:
			f.errorf(path+".port", msgKubernetesPort)
		case p.Port.Min == 0:
			f.errorf(path+".port", "must be between 1 and 65535, inclusive")
		}
		if end := p.EndPort; end != nil && *end > 65535 {
			f.errorf(path+".endPort", "must be between 1 and 65535, inclusive")
		} else if end != nil && *end < int(p.Port.Min) {
			f.errorf(path+".endPort", "must be greater than or equal to `port`")
		}
	}
}

func (f *findings) kubernetesPeers(at string, peers []KubernetesPeer) {
	for i := range peers {
		p, path := &peers[i], index(at, i)
		f.labelSelector(path+".podSelector", p.PodSelector)
		f.labelSelector(path+".namespaceSelector", p.NamespaceSelector)
		switch {
		case p.IPBlock != nil:
			if p.PodSelector != nil || p.NamespaceSelector != nil {
				f.errorf(path, "may not specify both ipBlock and another peer")
			}
			f.ipBlock(path+".ipBlock", p.IPBlock)
		case p.PodSelector == nil && p.NamespaceSelector == nil:
			f.warnf(path, "Kubernetes would refuse an empty peer; here it is all pods of the namespace")
		}
	}
}

func (f *findings) ipBlock(at string, b *IPBlock) {
	if !b.CIDR.IsValid() || b.CIDR.Addr().Is4In6() {
		f.errorf(at+".cidr", "invalid CIDR")
		return
	}
	if b.CIDR != b.CIDR.Masked() {
		f.warnf(at+".cidr", "%s has host bits set and is read as %s", b.CIDR, b.CIDR.Masked())
	}
	for i, n := range b.Except {
		switch {
		case !n.IsValid() || n.Addr().Is4In6():
			f.errorf(index(at+".except", i), "invalid CIDR")
		case n.Bits() <= b.CIDR.Bits() || !b.CIDR.Contains(n.Addr()):
			f.errorf(index(at+".except", i), "must be a strict subset of `cidr`")
		}
	}
}
