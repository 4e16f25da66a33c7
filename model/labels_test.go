package model

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/model/selector"
)

func TestEffectiveLabels(t *testing.T) {
	from := Inheritance{
		Profile: func(name string) *Profile {
			switch name {
			case "p1":
				return &Profile{Spec: ProfileSpec{LabelsToApply: map[string]string{
					"own": "from-p1", "shared": "from-p1", LabelNamespace: "from-p1", "pcns.env": "from-p1"}}}
			case "p2":
				return &Profile{Spec: ProfileSpec{LabelsToApply: map[string]string{"shared": "from-p2", "second": "from-p2"}}}
			}
			return nil
		},
		Namespace: func(name string) *Namespace {
			if name != "prod" {
				return nil
			}
			return &Namespace{Object{Metadata: Metadata{Name: name, Labels: map[string]string{"env": "production", LabelName: "forged"}}}}
		},
		ServiceAccount: func(ns, name string) *ServiceAccount {
			if ns != "prod" || name != "web" {
				return nil
			}
			return &ServiceAccount{Object{Metadata: Metadata{Name: name, Namespace: ns, Labels: map[string]string{"team": "blue"}}}}
		},
	}
	workload := func(namespace string, labels map[string]string, spec WorkloadEndpointSpec) *WorkloadEndpoint {
		return &WorkloadEndpoint{Object{Kind: KindWorkloadEndpoint, Metadata: Metadata{Namespace: namespace, Labels: labels}}, spec}
	}
	set := func(kind Kind, namespace string, labels map[string]string) *NetworkSet {
		return &NetworkSet{Object: Object{Kind: kind, Metadata: Metadata{Namespace: namespace, Labels: labels}}}
	}
	for _, c := range []struct {
		what string
		r    Resource
		want selector.Map
	}{
		{"workload with everything",
			workload("prod", map[string]string{"own": "x", LabelNamespace: "forged", "pcns.env": "forged", "pcsa.team": "forged"},
				WorkloadEndpointSpec{Orchestrator: "k8s", ServiceAccountName: "web", Profiles: []string{"p1", "missing", "p2"}}),
			selector.Map{
				"own": "x", "shared": "from-p1", "second": "from-p2",
				LabelNamespace: "prod", LabelServiceAccount: "web", LabelOrchestrator: "k8s",
				"pcns.env": "production", "pcns." + LabelName: "prod", "pcsa.team": "blue", "pcsa." + LabelName: "web",
			}},
		{"workload in a namespace without a resource, labels from its profile",
			workload("dev", nil, WorkloadEndpointSpec{Profiles: []string{"p1"}}),
			selector.Map{"own": "from-p1", "shared": "from-p1", "pcns.env": "from-p1", LabelNamespace: "dev", "pcns." + LabelName: "dev"}},
		{"host endpoint has no namespace",
			&HostEndpoint{Object{Kind: KindHostEndpoint, Metadata: Metadata{Labels: map[string]string{"own": "x", LabelNamespace: "forged"}}},
				HostEndpointSpec{Profiles: []string{"p1"}}},
			selector.Map{"own": "x", "shared": "from-p1", "pcns.env": "from-p1"}},
		{"network set", set(KindNetworkSet, "prod", map[string]string{"own": "x", LabelNamespace: "forged", "pcns.env": "forged"}),
			selector.Map{"own": "x", LabelNamespace: "prod", "pcns.env": "production", "pcns." + LabelName: "prod"}},
		{"global network set", set(KindGlobalNetworkSet, "", map[string]string{"own": "x", LabelNamespace: "forged"}),
			selector.Map{"own": "x"}},
		{"a kind that selectors do not see", &Tier{}, nil},
	} {
		if diff := cmp.Diff(c.want, EffectiveLabels(c.r, from)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
	bare := EffectiveLabels(workload("prod", nil, WorkloadEndpointSpec{ServiceAccountName: "web", Profiles: []string{"p1"}}), Inheritance{})
	want := selector.Map{LabelNamespace: "prod", LabelServiceAccount: "web", "pcns." + LabelName: "prod", "pcsa." + LabelName: "web"}
	if diff := cmp.Diff(want, bare); diff != "" {
		t.Errorf("without look-ups (-want +got):\n%s", diff)
	}
}
