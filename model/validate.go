package model

// Validate checks one resource by itself and reports everything at once: errors for what Calico refuses, warnings for
// what it accepts although it is unlikely to be meant. It says nothing about other resources; ValidateAll does.
//
// Three rules are Rampart's own. Names may hold all of the characters the specification allows, with a warning where
// Calico and Kubernetes would refuse them. Values that do not decode (a protocol number of 256, a reversed port range,
// text that is no CIDR) never get here, since decoding refuses them. And a tag's name is never the whole message: a bad
// selector is reported with the column and the cause.
func Validate(r Resource) []FieldError {
	var f findings
	f.metadata(r.Key().Kind, r.Meta())
	switch r := r.(type) {
	case *Policy:
		f.policy(r)
	case *KubernetesNetworkPolicy:
		f.kubernetesPolicy(r)
	case *Tier:
		f.tier(r)
	case *Profile:
		f.profile(r)
	case *HostEndpoint:
		f.hostEndpoint(r)
	case *WorkloadEndpoint:
		f.workloadEndpoint(r)
	case *NetworkSet:
		f.networkSet(r)
	}
	return f
}
