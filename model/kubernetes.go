package model

import "net/netip"

// Namespace is a Kubernetes Namespace; its labels are seen by namespace selectors.
type Namespace struct {
	Object
}

// ServiceAccount is a Kubernetes ServiceAccount; its labels are seen by service account selectors.
type ServiceAccount struct {
	Object
}

// KubernetesNetworkPolicy is a networking.k8s.io/v1 NetworkPolicy, or Calico's staged form of one
// (KindStagedKubernetesNetworkPolicy). It is converted to a Policy before it is compiled.
type KubernetesNetworkPolicy struct {
	Object
	Spec KubernetesNetworkPolicySpec `json:"spec"`
}

// KubernetesNetworkPolicySpec follows the Kubernetes API. A nil Ingress or From differs from an empty one only where
// Kubernetes says so.
type KubernetesNetworkPolicySpec struct {
	StagedAction string                  `json:"stagedAction,omitempty" kinds:"StagedKubernetesNetworkPolicy"`
	PodSelector  LabelSelector           `json:"podSelector"`
	PolicyTypes  []Direction             `json:"policyTypes,omitempty"`
	Ingress      []KubernetesIngressRule `json:"ingress,omitempty"`
	Egress       []KubernetesEgressRule  `json:"egress,omitempty"`
}

// KubernetesIngressRule allows traffic from any of From (anyone when empty) to any of Ports (any when empty).
type KubernetesIngressRule struct {
	Ports  []KubernetesPort `json:"ports,omitempty"`
	From   []KubernetesPeer `json:"from,omitempty"`
	Origin Origin           `json:"-"`
}

// KubernetesEgressRule allows traffic to any of To (anyone when empty) on any of Ports (any when empty).
type KubernetesEgressRule struct {
	Ports  []KubernetesPort `json:"ports,omitempty"`
	To     []KubernetesPeer `json:"to,omitempty"`
	Origin Origin           `json:"-"`
}

// KubernetesPort is a port by number or name, or a range up to EndPort. Protocol defaults to TCP.
type KubernetesPort struct {
	Protocol Protocol `json:"protocol,omitzero"`
	Port     *Port    `json:"port,omitempty"`
	EndPort  *int     `json:"endPort,omitempty"`
}

// KubernetesPeer is an IPBlock, or pods chosen by PodSelector in the namespaces chosen by NamespaceSelector.
type KubernetesPeer struct {
	PodSelector       *LabelSelector `json:"podSelector,omitempty"`
	NamespaceSelector *LabelSelector `json:"namespaceSelector,omitempty"`
	IPBlock           *IPBlock       `json:"ipBlock,omitempty"`
}

// IPBlock is a prefix with holes.
type IPBlock struct {
	CIDR   netip.Prefix   `json:"cidr"`
	Except []netip.Prefix `json:"except,omitempty"`
}

// LabelSelector is the Kubernetes form of a selector; the requirements are AND-ed, an empty one matches everything.
type LabelSelector struct {
	MatchLabels      map[string]string          `json:"matchLabels,omitempty"`
	MatchExpressions []LabelSelectorRequirement `json:"matchExpressions,omitempty"`
}

// LabelSelectorRequirement is one expression: Operator is In, NotIn, Exists or DoesNotExist.
type LabelSelectorRequirement struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"`
	Values   []string `json:"values,omitempty"`
}
