package model

import (
	"strings"

	"rampart/model/selector"
)

// Inheritance looks up what endpoints and network sets get labels from. Each function returns nil for what does not
// exist; a nil function knows nothing.
type Inheritance struct {
	Profile        func(name string) *Profile
	Namespace      func(name string) *Namespace
	ServiceAccount func(namespace, name string) *ServiceAccount
}

// EffectiveLabels are the labels that selectors see on a *WorkloadEndpoint, *HostEndpoint or *NetworkSet; nil for other
// kinds.
//
// A workload endpoint has its own labels (but none that begin with pcns. or pcsa., or it could pretend to be in another
// namespace), then those that say where it is: namespace, service account and orchestrator, then the labels of its
// Namespace and ServiceAccount with the prefixes pcns. and pcsa., and last what its profiles apply. The place wins over
// own labels, those over profiles, and the first profile over the next. A host endpoint has its own labels and its
// profiles'; a network set has its own, its namespace and that namespace's labels.
func EffectiveLabels(r Resource, from Inheritance) selector.Map {
	labels := make(selector.Map, len(r.Meta().Labels)+6)
	if !from.AddEffectiveLabels(labels, r) {
		return nil
	}
	return labels
}

// AddEffectiveLabels puts the EffectiveLabels of a resource into an empty map. It returns false for other kinds.
func (from Inheritance) AddEffectiveLabels(labels selector.Map, r Resource) bool {
	meta := r.Meta()
	switch r := r.(type) {
	case *WorkloadEndpoint:
		for k, v := range meta.Labels {
			if !strings.HasPrefix(k, PrefixNamespaceLabel) && !strings.HasPrefix(k, PrefixServiceAccountLabel) {
				labels[k] = v
			}
		}
		if r.Spec.Orchestrator != "" {
			labels[LabelOrchestrator] = r.Spec.Orchestrator
		}
		from.addNamespace(labels, meta.Namespace)
		from.addServiceAccount(labels, meta.Namespace, r.Spec.ServiceAccountName)
		from.addProfiles(labels, r.Spec.Profiles)
	case *HostEndpoint:
		addMissing(labels, meta.Labels)
		from.addProfiles(labels, r.Spec.Profiles)
		delete(labels, LabelNamespace)
	case *NetworkSet:
		addMissing(labels, meta.Labels)
		delete(labels, LabelNamespace)
		if r.Kind.Namespaced() {
			from.addNamespace(labels, meta.Namespace)
		}
	default:
		return false
	}
	return true
}

// addNamespace gives the namespace's name even when there is no Namespace resource: its name is known all the same.
func (from Inheritance) addNamespace(labels selector.Map, name string) {
	if from.Namespace != nil {
		if ns := from.Namespace(name); ns != nil {
			addPrefixed(labels, PrefixNamespaceLabel, ns.Metadata.Labels)
		}
	}
	labels[LabelNamespace] = name
	labels[PrefixNamespaceLabel+LabelName] = name
}

func (from Inheritance) addServiceAccount(labels selector.Map, namespace, name string) {
	if name == "" {
		return
	}
	if from.ServiceAccount != nil {
		if sa := from.ServiceAccount(namespace, name); sa != nil {
			addPrefixed(labels, PrefixServiceAccountLabel, sa.Metadata.Labels)
		}
	}
	labels[LabelServiceAccount] = name
	labels[PrefixServiceAccountLabel+LabelName] = name
}

func (from Inheritance) addProfiles(labels selector.Map, names []string) {
	if from.Profile == nil {
		return
	}
	for _, name := range names {
		if p := from.Profile(name); p != nil {
			addMissing(labels, p.Spec.LabelsToApply)
		}
	}
}

// addPrefixed adds labels under a prefix, over those that are there.
func addPrefixed(labels selector.Map, prefix string, more map[string]string) {
	for k, v := range more {
		labels[prefix+k] = v
	}
}

// addMissing adds labels that are not there yet.
func addMissing(labels selector.Map, more map[string]string) {
	for k, v := range more {
		if _, ok := labels[k]; !ok {
			labels[k] = v
		}
	}
}
