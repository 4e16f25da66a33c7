package model

import (
	"fmt"
	"strings"
)

// Origin is where something was written: a file and a 1-based line and column. The zero Origin means "not from a file".
type Origin struct {
	File   string
	Line   int
	Column int
}

// String is "file:line", or "" for the zero Origin.
func (o Origin) String() string {
	if o.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}

// Key identifies a resource. Namespace is empty for kinds that have none.
type Key struct {
	Kind      Kind
	Namespace string
	Name      string
}

// String is "Kind/namespace/name", or "Kind/name" for a kind without namespaces.
func (k Key) String() string {
	if k.Namespace == "" {
		return string(k.Kind) + "/" + k.Name
	}
	return string(k.Kind) + "/" + k.Namespace + "/" + k.Name
}

// Compare orders keys by kind, namespace and name, bytewise.
func (k Key) Compare(o Key) int {
	if c := strings.Compare(string(k.Kind), string(o.Kind)); c != 0 {
		return c
	}
	if c := strings.Compare(k.Namespace, o.Namespace); c != 0 {
		return c
	}
	return strings.Compare(k.Name, o.Name)
}

// Metadata is the part of a manifest every resource has.
type Metadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Object is what all resources share. Its methods make every type that embeds it a Resource.
type Object struct {
	Kind     Kind     `json:"-"`
	Metadata Metadata `json:"metadata"`
	// Origin is the first line of the resource in its source.
	Origin Origin `json:"-"`
}

// Key identifies the resource.
func (o *Object) Key() Key {
	return Key{Kind: o.Kind, Namespace: o.Metadata.Namespace, Name: o.Metadata.Name}
}

// Meta is the resource's metadata; it must not be changed once the resource is in a Bundle.
func (o *Object) Meta() *Metadata { return &o.Metadata }

// Source is where the resource was written.
func (o *Object) Source() Origin { return o.Origin }

// Resource is any resource of the model: *Policy, *Tier, *Profile, *HostEndpoint, *WorkloadEndpoint, *NetworkSet,
// *Namespace, *ServiceAccount or *KubernetesNetworkPolicy.
type Resource interface {
	Key() Key
	Meta() *Metadata
	Source() Origin
}

// Bundle is everything one source holds at one revision. It is complete: a source that cannot read all of itself
// delivers no Bundle.
type Bundle struct {
	// Source names where the bundle came from, for status and logs.
	Source string
	// Revision changes whenever the content does: a content hash for files, a revision number for a datastore.
	Revision string
	// Resources in source order; keys are unique.
	Resources []Resource
}

// New returns an empty resource of the kind, with its Kind set, or nil for an unknown kind.
func New(k Kind) Resource {
	o := Object{Kind: k}
	switch k {
	case KindNetworkPolicy, KindGlobalNetworkPolicy, KindStagedNetworkPolicy, KindStagedGlobalNetworkPolicy:
		return &Policy{Object: o}
	case KindKubernetesNetworkPolicy, KindStagedKubernetesNetworkPolicy:
		return &KubernetesNetworkPolicy{Object: o}
	case KindTier:
		return &Tier{Object: o}
	case KindProfile:
		return &Profile{Object: o}
	case KindHostEndpoint:
		return &HostEndpoint{Object: o}
	case KindWorkloadEndpoint:
		return &WorkloadEndpoint{Object: o}
	case KindNetworkSet, KindGlobalNetworkSet:
		return &NetworkSet{Object: o}
	case KindNamespace:
		return &Namespace{Object: o}
	case KindServiceAccount:
		return &ServiceAccount{Object: o}
	}
	return nil
}
