package model

import "strings"

// Kind names a resource type, spelled as in a manifest's kind field.
type Kind string

// The kinds Rampart understands.
const (
	KindNetworkPolicy                 Kind = "NetworkPolicy"
	KindGlobalNetworkPolicy           Kind = "GlobalNetworkPolicy"
	KindStagedNetworkPolicy           Kind = "StagedNetworkPolicy"
	KindStagedGlobalNetworkPolicy     Kind = "StagedGlobalNetworkPolicy"
	KindStagedKubernetesNetworkPolicy Kind = "StagedKubernetesNetworkPolicy"
	KindTier                          Kind = "Tier"
	KindProfile                       Kind = "Profile"
	KindHostEndpoint                  Kind = "HostEndpoint"
	KindWorkloadEndpoint              Kind = "WorkloadEndpoint"
	KindNetworkSet                    Kind = "NetworkSet"
	KindGlobalNetworkSet              Kind = "GlobalNetworkSet"
	KindNamespace                     Kind = "Namespace"
	KindServiceAccount                Kind = "ServiceAccount"
	// KindKubernetesNetworkPolicy is a networking.k8s.io/v1 NetworkPolicy. Its manifest says "NetworkPolicy"; the API
	// group tells the two apart.
	KindKubernetesNetworkPolicy Kind = "KubernetesNetworkPolicy"
)

// API groups and versions of the manifests.
const (
	APIVersionCalico     = "projectcalico.org/v3"
	APIVersionKubernetes = "v1"
	APIVersionKubePolicy = "networking.k8s.io/v1"
)

type kindInfo struct {
	apiVersion string
	namespaced bool
	aliases    string
}

// kinds lists every kind with calicoctl's aliases, lower case (docs of calicoctl, "Kinds and aliases").
var kinds = map[Kind]kindInfo{
	KindNetworkPolicy:                 {APIVersionCalico, true, "networkpolicy networkpolicies policy np policies pol pols"},
	KindGlobalNetworkPolicy:           {APIVersionCalico, false, "globalnetworkpolicy globalnetworkpolicies gnp gnps"},
	KindStagedNetworkPolicy:           {APIVersionCalico, true, "stagednetworkpolicy stagednetworkpolicies stagedpolicy snp stagedpolicies spol spols"},
	KindStagedGlobalNetworkPolicy:     {APIVersionCalico, false, "stagedglobalnetworkpolicy stagedglobalnetworkpolicies sgnp sgnps"},
	KindStagedKubernetesNetworkPolicy: {APIVersionCalico, true, "stagedkubernetesnetworkpolicy stagedkubernetesnetworkpolicies stagedkubernetespolicy sknp stagedkubernetespolicies skpol skpols"},
	KindTier:                          {APIVersionCalico, false, "tier tiers"},
	KindProfile:                       {APIVersionCalico, false, "profile profiles pro pros"},
	KindHostEndpoint:                  {APIVersionCalico, false, "hostendpoint hostendpoints hep heps"},
	KindWorkloadEndpoint:              {APIVersionCalico, true, "workloadendpoint workloadendpoints wep weps"},
	KindNetworkSet:                    {APIVersionCalico, true, "networkset networksets netsets"},
	KindGlobalNetworkSet:              {APIVersionCalico, false, "globalnetworkset globalnetworksets gnetsets"},
	KindNamespace:                     {APIVersionKubernetes, false, "namespace namespaces ns"},
	KindServiceAccount:                {APIVersionKubernetes, true, "serviceaccount serviceaccounts sa"},
	KindKubernetesNetworkPolicy:       {APIVersionKubePolicy, true, "kubernetesnetworkpolicy kubernetesnetworkpolicies knp knps"},
}

// Kinds returns every kind in a fixed order: sets and endpoints after policies, Kubernetes objects last.
func Kinds() []Kind {
	return []Kind{
		KindTier, KindGlobalNetworkPolicy, KindNetworkPolicy, KindStagedGlobalNetworkPolicy, KindStagedNetworkPolicy,
		KindStagedKubernetesNetworkPolicy, KindProfile, KindGlobalNetworkSet, KindNetworkSet, KindHostEndpoint,
		KindWorkloadEndpoint, KindNamespace, KindServiceAccount, KindKubernetesNetworkPolicy,
	}
}

// ParseKind resolves a kind or one of calicoctl's aliases for it, in any case.
func ParseKind(s string) (Kind, bool) {
	want := strings.ToLower(s)
	for _, k := range Kinds() {
		for alias := range strings.FieldsSeq(kinds[k].aliases) {
			if alias == want {
				return k, true
			}
		}
	}
	return "", false
}

// Namespaced tells whether resources of this kind live in a namespace.
func (k Kind) Namespaced() bool { return kinds[k].namespaced }

// APIVersion is the apiVersion of the kind's manifests, "" for an unknown kind.
func (k Kind) APIVersion() string { return kinds[k].apiVersion }

// Aliases are the names the command line accepts for the kind, lower case.
func (k Kind) Aliases() []string { return strings.Fields(kinds[k].aliases) }

// ManifestKind is what the kind field of a manifest says; it differs from k only for Kubernetes network policies.
func (k Kind) ManifestKind() string {
	if k == KindKubernetesNetworkPolicy {
		return string(KindNetworkPolicy)
	}
	return string(k)
}

// Staged tells whether policies of this kind are reported but never enforced.
func (k Kind) Staged() bool {
	return k == KindStagedNetworkPolicy || k == KindStagedGlobalNetworkPolicy || k == KindStagedKubernetesNetworkPolicy
}

// KindOf resolves the apiVersion and kind of a manifest; the kind is case-sensitive, as in Calico.
func KindOf(apiVersion, kind string) (Kind, bool) {
	for _, k := range Kinds() {
		if kinds[k].apiVersion == apiVersion && k.ManifestKind() == kind {
			return k, true
		}
	}
	return "", false
}
