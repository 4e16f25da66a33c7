package eval_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"

	"rampart/model"
)

// knpTable is kube-network-policies' table of whole-cluster packets.
type knpTable struct {
	Cases []struct {
		Name       string
		Allow      bool
		Namespaces []struct{ Metadata model.Metadata }
		Policies   []json.RawMessage
		Packet     knpPacket
		Pods       []struct {
			Metadata model.Metadata
			Spec     struct {
				Containers []struct {
					Ports []struct {
						Name          string
						ContainerPort int
						Protocol      model.Protocol
					}
				}
			}
			Status struct{ PodIPs []struct{ IP netip.Addr } }
		}
	}
}

type knpPacket struct {
	Src, Dst     netip.Addr
	SPort, DPort uint16
	Proto        model.Protocol
}

// knpDecidedOtherwise names the cases that Kubernetes decides otherwise, and why.
var knpDecidedOtherwise = map[string]string{
	"allow all override deny ingress": "the table lost the one empty rule that allowed everything; without any rule both policies deny",
}

// TestConformanceKubeNetworkPolicies asks egress at the source and ingress at the destination; a side that is no pod
// allows.
func TestConformanceKubeNetworkPolicies(t *testing.T) {
	var file knpTable
	readConformance(t, "kube_network_policies.json", &file)
	for _, tc := range file.Cases {
		var world []model.Resource
		allowAll := model.New(model.KindProfile).(*model.Profile)
		allowAll.Metadata.Name = "allow"
		allowAll.Spec.Ingress, allowAll.Spec.Egress = []model.Rule{{Action: model.Allow}}, []model.Rule{{Action: model.Allow}}
		world = append(world, allowAll)
		for _, n := range tc.Namespaces {
			ns := model.New(model.KindNamespace)
			*ns.Meta() = n.Metadata
			world = append(world, ns)
		}
		pods := map[netip.Addr]model.Key{}
		for i, pod := range tc.Pods {
			w := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
			w.Metadata = pod.Metadata
			w.Spec = model.WorkloadEndpointSpec{Node: "n1", Orchestrator: "k8s", InterfaceName: fmt.Sprintf("cali%d", i), Profiles: []string{"allow"}}
			for _, ip := range pod.Status.PodIPs {
				w.Spec.IPNetworks = append(w.Spec.IPNetworks, model.Net{Prefix: netip.PrefixFrom(ip.IP, ip.IP.BitLen())})
				pods[ip.IP] = w.Key()
			}
			for _, c := range pod.Spec.Containers {
				for _, p := range c.Ports {
					w.Spec.Ports = append(w.Spec.Ports, model.EndpointPort{Name: p.Name, Protocol: p.Protocol, Port: p.ContainerPort})
				}
			}
			world = append(world, w)
		}
		for i, doc := range tc.Policies {
			k := kubernetesPolicy(t, doc)
			lastPort(k)
			k.Metadata.Name += fmt.Sprint("-", i) // the table has two policies of one name in places
			world = append(world, k)
		}
		p := model.Packet{Src: tc.Packet.Src, Dst: tc.Packet.Dst, Protocol: tc.Packet.Proto.Number, SrcPort: tc.Packet.SPort, DstPort: tc.Packet.DPort}
		want := tc.Allow
		if _, ok := knpDecidedOtherwise[tc.Name]; ok {
			want = !want
		}
		for _, e := range both(world, "n1") {
			got := true
			if key, ok := pods[p.Src]; ok {
				got = got && allows(t, e, model.Probe{Endpoint: key, Direction: model.Egress, Packet: p})
			}
			if key, ok := pods[p.Dst]; ok {
				got = got && allows(t, e, model.Probe{Endpoint: key, Direction: model.Ingress, Packet: p})
			}
			if got != want {
				t.Errorf("%s: %s: %s: allowed is %v, want %v", tc.Name, e.name, p, got, want)
			}
		}
	}
	t.Logf("%d cases", len(file.Cases))
}

// lastPort replaces the endPort 65537 that the table has in places and Kubernetes refuses: the cases mean "up to the last".
func lastPort(k *model.KubernetesNetworkPolicy) {
	for _, out := range k.Spec.Egress {
		for _, p := range out.Ports {
			if p.EndPort != nil {
				*p.EndPort = min(*p.EndPort, 65535)
			}
		}
	}
}
