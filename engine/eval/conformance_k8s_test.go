package eval_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rampart/bench/gen"
	"rampart/model"
)

// k8sMatrices is Cyclonus' table: clusters, policies, and who reaches whom on which port.
type k8sMatrices struct {
	Clusters []k8sCluster
	Cases    []struct {
		ID          int
		Description string
		Steps       []struct {
			Cluster                     int
			K8sPolicies, CalicoPolicies []json.RawMessage
			// Matrix is by port, then by source pod: three strings of 0 and 1 over PodOrder, for both directions together,
			// for ingress at the destination and for egress at the source.
			Matrix map[string]map[string][3]string
		}
	}
}

type k8sCluster struct {
	Namespaces map[string]map[string]string
	PodOrder   []string
	Pods       map[string]struct {
		IP     netip.Addr
		Labels map[string]string
		Ports  []model.EndpointPort
	}
}

// TestConformanceKubernetesMatrices runs every matrix twice: on Calico's conversion of the policies, and on our own.
func TestConformanceKubernetesMatrices(t *testing.T) {
	var file k8sMatrices
	readConformance(t, "k8s_netpol_matrices.json", &file)
	for _, form := range []string{"calico", "kubernetes"} {
		t.Run(form, func(t *testing.T) {
			verdicts := 0
			for _, tc := range file.Cases {
				for i, step := range tc.Steps {
					cluster := file.Clusters[step.Cluster]
					docs := step.K8sPolicies
					if form == "calico" {
						docs = step.CalicoPolicies
					}
					world := cluster.resources(form == "calico")
					for _, doc := range docs {
						if form == "calico" {
							world = append(world, manifest(t, doc))
						} else {
							world = append(world, kubernetesPolicy(t, doc))
						}
					}
					for _, e := range both(world, "n1") {
						n, wrong := cluster.compare(t, e, step.Matrix)
						verdicts += n
						for _, w := range wrong {
							t.Errorf("case %d (%s) step %d: %s: %s", tc.ID, tc.Description, i, e.name, w)
						}
					}
				}
			}
			t.Logf("%d verdicts", verdicts)
		})
	}
}

func manifest(t *testing.T, doc []byte) model.Resource {
	t.Helper()
	var m gen.Manifest
	if err := json.Unmarshal(doc, &m); err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	return m.Resource
}

// kubernetesPolicy decodes a Kubernetes NetworkPolicy; the data leaves apiVersion and kind out in places.
func kubernetesPolicy(t *testing.T, doc []byte) *model.KubernetesNetworkPolicy {
	t.Helper()
	k := model.New(model.KindKubernetesNetworkPolicy).(*model.KubernetesNetworkPolicy)
	if err := json.Unmarshal(doc, k); err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	return k
}

// resources are the pods, with profiles that allow what policies leave open. The labels of namespaces come with the
// profiles, as Calico does it, or from Namespace objects.
func (c *k8sCluster) resources(labelsInProfiles bool) []model.Resource {
	var out []model.Resource
	for _, name := range slices.Sorted(maps.Keys(c.Namespaces)) {
		p := model.New(model.KindProfile).(*model.Profile)
		p.Metadata.Name = "kns." + name
		p.Spec.Ingress, p.Spec.Egress = []model.Rule{{Action: model.Allow}}, []model.Rule{{Action: model.Allow}}
		out = append(out, p)
		if labelsInProfiles {
			p.Spec.LabelsToApply = map[string]string{}
			for k, v := range c.Namespaces[name] {
				p.Spec.LabelsToApply["pcns."+k] = v
			}
			continue
		}
		ns := model.New(model.KindNamespace)
		ns.Meta().Name, ns.Meta().Labels = name, c.Namespaces[name]
		out = append(out, ns)
	}
	for i, name := range c.PodOrder {
		pod := c.Pods[name]
		w := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
		namespace, short, _ := strings.Cut(name, "/")
		w.Metadata = model.Metadata{Name: "n1-k8s-" + short + "-eth0", Namespace: namespace, Labels: pod.Labels}
		w.Spec = model.WorkloadEndpointSpec{
			Node: "n1", Orchestrator: "k8s", Pod: short, Endpoint: "eth0", InterfaceName: fmt.Sprintf("cali%d", i),
			IPNetworks: []model.Net{{Prefix: netip.PrefixFrom(pod.IP, pod.IP.BitLen())}}, Profiles: []string{"kns." + namespace}, Ports: pod.Ports,
		}
		out = append(out, w)
	}
	return out
}

func (c *k8sCluster) key(pod string) model.Key {
	namespace, short, _ := strings.Cut(pod, "/")
	return model.Key{Kind: model.KindWorkloadEndpoint, Namespace: namespace, Name: "n1-k8s-" + short + "-eth0"}
}

// compare counts the verdicts of a matrix and lists the wrong ones.
func (c *k8sCluster) compare(t *testing.T, e named, matrix map[string]map[string][3]string) (n int, wrong []string) {
	t.Helper()
	for port, rows := range matrix {
		name, number, _ := strings.Cut(port, "/")
		dport, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		proto, err := model.ParseProtocol(name)
		if err != nil {
			t.Fatal(err)
		}
		for src, want := range rows {
			for i, dst := range c.PodOrder {
				p := model.Packet{Src: c.Pods[src].IP, Dst: c.Pods[dst].IP, Protocol: proto.Number, SrcPort: 40000, DstPort: uint16(dport)}
				in := allows(t, e, model.Probe{Endpoint: c.key(dst), Direction: model.Ingress, Packet: p})
				out := allows(t, e, model.Probe{Endpoint: c.key(src), Direction: model.Egress, Packet: p})
				for j, got := range []bool{in && out, in, out} {
					n++
					if got != (want[j][i] == '1') {
						wrong = append(wrong, fmt.Sprintf("%s %s > %s: %s is %v", port, src, dst, []string{"combined", "ingress", "egress"}[j], got))
					}
				}
			}
		}
	}
	return n, wrong
}
