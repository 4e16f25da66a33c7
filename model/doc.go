// Package model holds the resource types of Rampart's policy model: network policies, tiers, profiles, endpoints,
// network sets and the Kubernetes objects that feed them, together with what evaluators exchange about packets:
// probes and verdicts.
//
// The model is Calico's projectcalico.org/v3 API. JSON field names are Calico's own; HCL names are derived from them,
// so one schema serves both formats. Values are plain data. Once a resource is part of a Bundle it is a constant:
// nobody writes to it, so it may be read from any goroutine.
//
// What a resource means, as far as that is the same for everybody, is here too: Validate and ValidateAll say what is wrong
// with resources, EffectiveLabels which labels selectors see, Policy.EndpointSelector and EntitySelector what a policy
// and a rule select, KubernetesNetworkPolicy.Policy which policy a Kubernetes one stands for.
//
// The package does not read files (conf does), index resources (model/store does) or decide packets (engine/eval and
// the backends do).
package model
