package model

import "slices"

// Finding is a FieldError together with the resource it is about.
type Finding struct {
	Key Key
	// Origin is where the resource begins.
	Origin Origin
	FieldError
}

// ValidateAll checks every resource by itself and all of them together, as if they were everything there is: keys that
// occur twice and tiers that do not exist are errors; profiles that do not exist, named ports that no endpoint defines,
// policies that select no endpoint, and the like, are warnings. The findings are in the order of the resources.
func ValidateAll(resources []Resource) []Finding { return validateAll(resources, Validate) }

// ValidateTogether is ValidateAll without what Validate says about each resource by itself.
func ValidateTogether(resources []Resource) []Finding {
	return validateAll(resources, func(Resource) []FieldError { return nil })
}

func validateAll(resources []Resource, alone func(Resource) []FieldError) []Finding {
	w := survey(resources)
	var all []Finding
	for _, r := range resources {
		f := findings(alone(r))
		w.duplicate(&f, r)
		switch r := r.(type) {
		case *Policy:
			w.policy(&f, r)
		case *Profile:
			w.rulePorts(&f, Ingress, r.Spec.Ingress)
			w.rulePorts(&f, Egress, r.Spec.Egress)
		case *KubernetesNetworkPolicy:
			// Only what is about the whole policy: the paths inside it are not those of its conversion.
			w.selection(&f, r.Policy(), "spec.podSelector")
		case *HostEndpoint:
			w.profilesExist(&f, r.Spec.Profiles)
			w.sameInterface(&f, r)
		case *WorkloadEndpoint:
			w.profilesExist(&f, r.Spec.Profiles)
			w.sameWorkloadInterface(&f, r)
		}
		for _, e := range f {
			all = append(all, Finding{Key: r.Key(), Origin: r.Source(), FieldError: e})
		}
	}
	return all
}

// world is what the cross-checks know about all resources.
type world struct {
	byKey     map[Key]Resource // the first of each key
	seen      map[Key]bool
	tiers     map[string]bool
	profiles  map[string]bool
	ports     map[string]bool
	endpoints endpointIndex
	// claims are the endpoints of an interface of a node, by name.
	claims map[interfaceClaim][]string
}

type interfaceClaim struct {
	kind       Kind
	node, name string
}

func survey(resources []Resource) *world {
	w := &world{
		byKey:    make(map[Key]Resource, len(resources)),
		seen:     make(map[Key]bool, len(resources)),
		tiers:    map[string]bool{},
		profiles: map[string]bool{ProfileAllowAll: true},
		ports:    map[string]bool{},
		claims:   map[interfaceClaim][]string{},
	}
	for name := range builtInTiers {
		w.tiers[name] = true
	}
	profiles := map[string]*Profile{}
	for _, r := range resources {
		if w.byKey[r.Key()] != nil {
			continue // what is told of it is that it is there twice
		}
		w.byKey[r.Key()] = r
		switch r := r.(type) {
		case *Tier:
			w.tiers[r.Metadata.Name] = true
		case *Profile:
			w.profiles[r.Metadata.Name] = true
			profiles[r.Metadata.Name] = r
		case *HostEndpoint:
			w.definePorts(r.Spec.Ports)
			w.claim(r.Key(), r.Spec.Node, r.Spec.InterfaceName)
		case *WorkloadEndpoint:
			w.definePorts(r.Spec.Ports)
			w.claim(r.Key(), r.Spec.Node, r.Spec.InterfaceName)
		}
	}
	w.endpoints = indexEndpoints(resources, Inheritance{
		Profile: func(name string) *Profile { return profiles[name] },
		Namespace: func(name string) *Namespace {
			ns, _ := w.byKey[Key{Kind: KindNamespace, Name: name}].(*Namespace)
			return ns
		},
		ServiceAccount: func(namespace, name string) *ServiceAccount {
			sa, _ := w.byKey[Key{Kind: KindServiceAccount, Namespace: namespace, Name: name}].(*ServiceAccount)
			return sa
		},
	})
	return w
}

func (w *world) definePorts(ports []EndpointPort) {
	for i := range ports {
		w.ports[ports[i].Name] = true
	}
}

func (w *world) claim(k Key, node, name string) {
	if name != "" {
		c := interfaceClaim{k.Kind, node, name}
		w.claims[c] = append(w.claims[c], k.Name)
	}
}

func (w *world) duplicate(f *findings, r Resource) {
	if !w.seen[r.Key()] {
		w.seen[r.Key()] = true
		return
	}
	if at := w.byKey[r.Key()].Source().String(); at != "" {
		f.errorf("metadata.name", "%s is already defined at %s", r.Key(), at)
	} else {
		f.errorf("metadata.name", "%s is already defined", r.Key())
	}
}

func (w *world) policy(f *findings, p *Policy) {
	if !w.tiers[p.TierName()] {
		f.errorf("spec.tier", "tier %q does not exist", p.TierName())
	}
	for _, d := range Directions() {
		w.rulePorts(f, d, p.Rules(d))
	}
	w.selection(f, p, "spec.selector")
}

func (w *world) rulePorts(f *findings, d Direction, rules []Rule) {
	for i := range rules {
		at := index(rulesPath(d), i)
		w.portsDefined(f, at+".source", &rules[i].Source)
		w.portsDefined(f, at+".destination", &rules[i].Destination)
	}
}

func (w *world) portsDefined(f *findings, at string, e *EntityRule) {
	for i, p := range e.Ports {
		if w.undefined(p) {
			f.warnf(index(at+".ports", i), "no endpoint defines a port named %q: it matches nothing", p.Name)
		}
	}
	for i, p := range e.NotPorts {
		if w.undefined(p) {
			f.warnf(index(at+".notPorts", i), "no endpoint defines a port named %q: it excludes nothing", p.Name)
		}
	}
}

// undefined tells of a name that no endpoint gives a port, though one could.
func (w *world) undefined(p Port) bool {
	return p.Name != "" && !w.ports[p.Name] && endpointPortName(p.Name) == ""
}

// selection warns of a policy that applies to nothing. It is silent while there are no endpoints at all: then they come
// from elsewhere.
func (w *world) selection(f *findings, p *Policy, path string) {
	if len(w.endpoints.all) == 0 || p.Spec.StagedAction == stagedDelete {
		return
	}
	hostOnly := ""
	switch {
	case p.Spec.DoNotTrack:
		hostOnly = "spec.doNotTrack"
	case p.Spec.PreDNAT:
		hostOnly = "spec.preDNAT"
	}
	s := p.EndpointSelector()
	if !w.endpoints.anySelected(s, false) {
		f.warnf(path, "the policy selects no endpoint")
	} else if hostOnly != "" && !w.endpoints.anySelected(s, true) {
		f.warnf(hostOnly, "the policy selects workload endpoints only, on which it does nothing")
	}
}

func (w *world) profilesExist(f *findings, names []string) {
	for i, name := range names {
		if !w.profiles[name] {
			f.warnf(index("spec.profiles", i), "profile %q does not exist: what no policy decides is denied", name)
		}
	}
}

func (w *world) sameInterface(f *findings, h *HostEndpoint) {
	if others := w.claims[interfaceClaim{KindWorkloadEndpoint, h.Spec.Node, h.Spec.InterfaceName}]; len(others) > 0 {
		f.warnf("spec.interfaceName", "the host endpoint is ignored: the interface is that of the workload endpoint %q", others[0])
		return
	}
	names := w.claims[interfaceClaim{h.Kind, h.Spec.Node, h.Spec.InterfaceName}]
	if len(names) < 2 || slices.Min(names) == h.Metadata.Name {
		return
	}
	f.warnf("spec.interfaceName", "the host endpoint is ignored: %q on the same interface comes first in the alphabet", slices.Min(names))
}

func (w *world) sameWorkloadInterface(f *findings, e *WorkloadEndpoint) {
	if names := w.claims[interfaceClaim{e.Kind, e.Spec.Node, e.Spec.InterfaceName}]; len(names) > 1 && e.Spec.Node != "" {
		f.warnf("spec.interfaceName", "%d workload endpoints name the same interface of the node", len(names))
	}
}
