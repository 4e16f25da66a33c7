package model

import "net/netip"

// Action is what a rule does when it matches, and what a tier does when none of its policies decided.
type Action string

// The actions of rules. A tier's default is Deny or Pass.
const (
	Allow Action = "Allow"
	Deny  Action = "Deny"
	Log   Action = "Log"
	Pass  Action = "Pass"
)

// Direction is seen from the endpoint: Ingress is traffic to it, Egress traffic from it.
type Direction string

// The two directions.
const (
	Ingress Direction = "Ingress"
	Egress  Direction = "Egress"
)

// Directions lists both, ingress first.
func Directions() [2]Direction { return [2]Direction{Ingress, Egress} }

// Names the model gives a meaning.
const (
	DefaultTier      = "default"
	DefaultNamespace = "default"

	// DefaultTierOrder is a tier's order when its resource gives none.
	DefaultTierOrder = 1_000_000

	// ProfileAllowAll is built in and allows everything in both directions.
	ProfileAllowAll = "projectcalico-default-allow"

	// Labels that every endpoint and set gets from its place in the model; selectors may use them.
	LabelNamespace      = "projectcalico.org/namespace"
	LabelServiceAccount = "projectcalico.org/serviceaccount"
	LabelOrchestrator   = "projectcalico.org/orchestrator"
	// LabelName is the name of a namespace or service account among its labels, that is, after one of the prefixes.
	LabelName = "projectcalico.org/name"
	// Prefixes under which the labels of an endpoint's namespace and service account are seen.
	PrefixNamespaceLabel      = "pcns."
	PrefixServiceAccountLabel = "pcsa."
)

// Policy is a NetworkPolicy, GlobalNetworkPolicy, StagedNetworkPolicy or StagedGlobalNetworkPolicy; Kind tells which.
// A KubernetesNetworkPolicy becomes one too, when converted.
type Policy struct {
	Object
	Spec PolicySpec `json:"spec"`
}

// PolicySpec holds the fields of all four policy kinds. NamespaceSelector, DoNotTrack, PreDNAT and ApplyOnForward
// belong to the global kinds only, StagedAction to the staged ones only (the kinds tag names where a field is allowed;
// no tag means everywhere).
type PolicySpec struct {
	Tier                   string      `json:"tier,omitempty"`
	Order                  *float64    `json:"order,omitempty"`
	StagedAction           string      `json:"stagedAction,omitempty" kinds:"StagedNetworkPolicy,StagedGlobalNetworkPolicy"`
	Selector               string      `json:"selector,omitempty"`
	NamespaceSelector      string      `json:"namespaceSelector,omitempty" kinds:"GlobalNetworkPolicy,StagedGlobalNetworkPolicy"`
	ServiceAccountSelector string      `json:"serviceAccountSelector,omitempty"`
	Types                  []Direction `json:"types,omitempty"`
	Ingress                []Rule      `json:"ingress,omitempty"`
	Egress                 []Rule      `json:"egress,omitempty"`
	DoNotTrack             bool        `json:"doNotTrack,omitempty" kinds:"GlobalNetworkPolicy,StagedGlobalNetworkPolicy"`
	PreDNAT                bool        `json:"preDNAT,omitempty" kinds:"GlobalNetworkPolicy,StagedGlobalNetworkPolicy"`
	ApplyOnForward         bool        `json:"applyOnForward,omitempty" kinds:"GlobalNetworkPolicy,StagedGlobalNetworkPolicy"`
	PerformanceHints       []string    `json:"performanceHints,omitempty"`
}

// TierName is the tier the policy belongs to: "default" when it names none.
func (p *Policy) TierName() string {
	if p.Spec.Tier == "" {
		return DefaultTier
	}
	return p.Spec.Tier
}

// Governs tells whether the policy applies to traffic in direction d: types when given, else by which rules are
// present (specification, "types"; an empty list is absent).
func (p *Policy) Governs(d Direction) bool {
	if len(p.Spec.Types) > 0 {
		for _, t := range p.Spec.Types {
			if t == d {
				return true
			}
		}
		return false
	}
	if d == Egress {
		return len(p.Spec.Egress) > 0
	}
	return len(p.Spec.Ingress) > 0 || len(p.Spec.Egress) == 0
}

// Rules are the policy's rules for direction d, in order.
func (p *Policy) Rules(d Direction) []Rule {
	if d == Egress {
		return p.Spec.Egress
	}
	return p.Spec.Ingress
}

// Rule is one match-action rule. All conditions are AND-ed; lists are OR-ed inside. The zero value of a field means
// "no restriction".
type Rule struct {
	Action      Action        `json:"action"`
	IPVersion   IPVersion     `json:"ipVersion,omitempty"`
	Protocol    Protocol      `json:"protocol,omitzero"`
	NotProtocol Protocol      `json:"notProtocol,omitzero"`
	ICMP        *ICMP         `json:"icmp,omitempty"`
	NotICMP     *ICMP         `json:"notICMP,omitempty"`
	Source      EntityRule    `json:"source,omitzero"`
	Destination EntityRule    `json:"destination,omitzero"`
	HTTP        *HTTPMatch    `json:"http,omitempty"`
	Metadata    *RuleMetadata `json:"metadata,omitempty"`
	Origin      Origin        `json:"-"`
}

// RuleMetadata annotates a rule; it never changes what matches.
type RuleMetadata struct {
	Annotations map[string]string `json:"annotations,omitempty"`
}

// ICMP matches type and code of ICMP or ICMPv6. A code needs a type. Both nil restricts nothing.
type ICMP struct {
	Type *int `json:"type,omitempty"`
	Code *int `json:"code,omitempty"`
}

// EntityRule restricts one end of the traffic.
type EntityRule struct {
	Nets              []netip.Prefix       `json:"nets,omitempty"`
	NotNets           []netip.Prefix       `json:"notNets,omitempty"`
	Selector          string               `json:"selector,omitempty"`
	NotSelector       string               `json:"notSelector,omitempty"`
	NamespaceSelector string               `json:"namespaceSelector,omitempty"`
	Ports             []Port               `json:"ports,omitempty"`
	NotPorts          []Port               `json:"notPorts,omitempty"`
	ServiceAccounts   *ServiceAccountMatch `json:"serviceAccounts,omitempty"`
	Services          *ServiceMatch        `json:"services,omitempty"`
}

// ServiceAccountMatch matches endpoints by their service account; names and selector are AND-ed.
type ServiceAccountMatch struct {
	Names    []string `json:"names,omitempty"`
	Selector string   `json:"selector,omitempty"`
}

// ServiceMatch names a Kubernetes Service whose endpoints match.
type ServiceMatch struct {
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

// HTTPMatch restricts a rule to HTTP requests. Methods and Paths are AND-ed; an empty list matches any.
type HTTPMatch struct {
	Methods []string    `json:"methods,omitempty"`
	Paths   []HTTPPaths `json:"paths,omitempty"`
}

// HTTPPaths matches a request path, normalised, exactly or by a prefix at segment borders. Exactly one is set.
type HTTPPaths struct {
	Exact  string `json:"exact,omitempty"`
	Prefix string `json:"prefix,omitempty"`
}

// Tier groups policies and orders the groups.
type Tier struct {
	Object
	Spec TierSpec `json:"spec,omitzero"`
}

// TierSpec orders the tier (DefaultTierOrder when nil) and says what happens to traffic that its policies select but
// do not decide: Deny (also when empty) or Pass.
type TierSpec struct {
	Order         *float64 `json:"order,omitempty"`
	DefaultAction Action   `json:"defaultAction,omitempty"`
}

// Profile holds rules that apply after all tiers, and labels for the endpoints that name it.
type Profile struct {
	Object
	Spec ProfileSpec `json:"spec,omitzero"`
}

// ProfileSpec is the content of a Profile.
type ProfileSpec struct {
	Ingress       []Rule            `json:"ingress,omitempty"`
	Egress        []Rule            `json:"egress,omitempty"`
	LabelsToApply map[string]string `json:"labelsToApply,omitempty"`
}
