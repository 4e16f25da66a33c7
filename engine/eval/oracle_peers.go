package eval

import (
	"maps"
	"net/netip"
	"strings"

	"rampart/model"
)

// oraclePeer is something with addresses and labels that rules can name: an endpoint of any node, or a network set.
type oraclePeer struct {
	key    model.Key
	labels map[string]string
	nets   []netip.Prefix
	ports  []model.EndpointPort
}

// has tells whether an address is the peer's.
func (p *oraclePeer) has(a netip.Addr) bool { return anyNet(p.nets, a) }

func oraclePeers(resources []model.Resource, profiles map[string]*model.Profile) []oraclePeer {
	namespaces := map[string]map[string]string{}
	accounts := map[string]map[string]string{}
	for _, r := range resources {
		switch r := r.(type) {
		case *model.Namespace:
			namespaces[r.Metadata.Name] = r.Metadata.Labels
		case *model.ServiceAccount:
			accounts[r.Metadata.Namespace+"/"+r.Metadata.Name] = r.Metadata.Labels
		}
	}
	// Later labels win over earlier ones, so the weakest come first. fromProfiles is the weakest of all; the first
	// profile listed wins over the others.
	fromProfiles := func(names []string) map[string]string {
		labels := map[string]string{}
		for i := len(names) - 1; i >= 0; i-- {
			if p := profiles[names[i]]; p != nil {
				maps.Copy(labels, p.Spec.LabelsToApply)
			}
		}
		return labels
	}
	place := func(labels map[string]string, namespace string) {
		for k, v := range namespaces[namespace] {
			labels["pcns."+k] = v
		}
		labels["pcns.projectcalico.org/name"] = namespace
		labels[oracleNamespace] = namespace
	}
	var peers []oraclePeer
	for _, r := range resources {
		peer := oraclePeer{key: r.Key(), labels: map[string]string{}}
		switch r := r.(type) {
		case *model.WorkloadEndpoint:
			peer.labels = fromProfiles(r.Spec.Profiles)
			for k, v := range r.Metadata.Labels {
				// A workload may not claim labels of a namespace or service account.
				if !strings.HasPrefix(k, "pcns.") && !strings.HasPrefix(k, "pcsa.") {
					peer.labels[k] = v
				}
			}
			place(peer.labels, r.Metadata.Namespace)
			if name := r.Spec.ServiceAccountName; name != "" {
				for k, v := range accounts[r.Metadata.Namespace+"/"+name] {
					peer.labels["pcsa."+k] = v
				}
				peer.labels["pcsa.projectcalico.org/name"] = name
				peer.labels[oracleServiceAccount] = name
			}
			if r.Spec.Orchestrator != "" {
				peer.labels[oracleOrchestrator] = r.Spec.Orchestrator
			}
			for _, n := range r.Spec.IPNetworks {
				peer.nets = append(peer.nets, n.Masked())
			}
			peer.ports = r.Spec.Ports
		case *model.HostEndpoint:
			peer.labels = fromProfiles(r.Spec.Profiles)
			maps.Copy(peer.labels, r.Metadata.Labels)
			delete(peer.labels, oracleNamespace) // a host is in no namespace, whatever it says
			for _, a := range r.Spec.ExpectedIPs {
				peer.nets = append(peer.nets, netip.PrefixFrom(a, a.BitLen()))
			}
			peer.ports = r.Spec.Ports
		case *model.NetworkSet:
			maps.Copy(peer.labels, r.Metadata.Labels)
			delete(peer.labels, oracleNamespace)
			if r.Kind == model.KindNetworkSet {
				place(peer.labels, r.Metadata.Namespace)
			}
			for _, n := range r.Spec.Nets {
				peer.nets = append(peer.nets, n.Masked())
			}
		default:
			continue
		}
		peers = append(peers, peer)
	}
	return peers
}
