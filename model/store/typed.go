package store

import (
	"iter"

	"rampart/model"
)

// Policies iterates over the policies of Calico's kinds, staged ones included.
func (v *View) Policies() iter.Seq[*model.Policy] {
	return typed[*model.Policy](v, model.KindGlobalNetworkPolicy, model.KindNetworkPolicy,
		model.KindStagedGlobalNetworkPolicy, model.KindStagedNetworkPolicy)
}

// KubernetesNetworkPolicies iterates over the policies of Kubernetes' form, staged ones included.
func (v *View) KubernetesNetworkPolicies() iter.Seq[*model.KubernetesNetworkPolicy] {
	return typed[*model.KubernetesNetworkPolicy](v, model.KindKubernetesNetworkPolicy, model.KindStagedKubernetesNetworkPolicy)
}

// Tiers iterates over the tiers that have a resource.
func (v *View) Tiers() iter.Seq[*model.Tier] { return typed[*model.Tier](v, model.KindTier) }

// Profiles iterates over the profiles that have a resource.
func (v *View) Profiles() iter.Seq[*model.Profile] {
	return typed[*model.Profile](v, model.KindProfile)
}

// HostEndpoints iterates over the host endpoints of all nodes.
func (v *View) HostEndpoints() iter.Seq[*model.HostEndpoint] {
	return typed[*model.HostEndpoint](v, model.KindHostEndpoint)
}

// WorkloadEndpoints iterates over the workload endpoints of all nodes.
func (v *View) WorkloadEndpoints() iter.Seq[*model.WorkloadEndpoint] {
	return typed[*model.WorkloadEndpoint](v, model.KindWorkloadEndpoint)
}

// NetworkSets iterates over the network sets, those of namespaces and global ones.
func (v *View) NetworkSets() iter.Seq[*model.NetworkSet] {
	return typed[*model.NetworkSet](v, model.KindGlobalNetworkSet, model.KindNetworkSet)
}

// Tier finds a tier's resource.
func (v *View) Tier(name string) *model.Tier { return lookup[*model.Tier](v, model.KindTier, "", name) }

// Profile finds a profile's resource.
func (v *View) Profile(name string) *model.Profile {
	return lookup[*model.Profile](v, model.KindProfile, "", name)
}

// Namespace finds a namespace's resource.
func (v *View) Namespace(name string) *model.Namespace {
	return lookup[*model.Namespace](v, model.KindNamespace, "", name)
}

// ServiceAccount finds a service account's resource.
func (v *View) ServiceAccount(namespace, name string) *model.ServiceAccount {
	return lookup[*model.ServiceAccount](v, model.KindServiceAccount, namespace, name)
}

// Inheritance is where endpoints and sets of this view get labels from.
func (v *View) Inheritance() model.Inheritance {
	return model.Inheritance{Profile: v.Profile, Namespace: v.Namespace, ServiceAccount: v.ServiceAccount}
}

func lookup[T model.Resource](v *View, k model.Kind, namespace, name string) (found T) {
	if r := v.Get(model.Key{Kind: k, Namespace: namespace, Name: name}); r != nil {
		return r.(T)
	}
	return found
}

func typed[T model.Resource](v *View, kinds ...model.Kind) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, k := range kinds {
			for r := range v.Kind(k) {
				if !yield(r.(T)) {
					return
				}
			}
		}
	}
}
