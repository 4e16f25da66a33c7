package gen

import (
	"net/netip"

	"rampart/model"
)

// World makes a set of valid resources: the configured endpoints of the node, endpoints of another node, network sets,
// namespaces, accounts, profiles, tiers, and policies of every kind. Keys are unique; the order is random.
func World(seed uint64, cfg Config) []model.Resource {
	d := newDice(seed, streamWorld, cfg)
	var out []model.Resource
	out = append(out, d.kubernetesObjects()...)
	out = append(out, d.profiles()...)
	for _, s := range cfg.Slots {
		if s.Host {
			out = append(out, d.host(cfg.Node, s))
		} else {
			out = append(out, d.workload(cfg.Node, s))
		}
	}
	out = append(out, d.elsewhere()...)
	out = append(out, d.sets()...)
	out = append(out, d.tiers()...)
	out = append(out, d.policies()...)
	d.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// kubernetesObjects gives two of the three namespaces labels, and some accounts.
func (d *dice) kubernetesObjects() []model.Resource {
	var out []model.Resource
	for _, name := range []string{"prod", "dev"} {
		if d.chance(15) {
			continue
		}
		ns := model.New(model.KindNamespace)
		ns.Meta().Name, ns.Meta().Labels = name, d.labels(spaceWords)
		out = append(out, ns)
	}
	for _, space := range spaceNames[1:] {
		for _, name := range accounts {
			if d.chance(50) {
				sa := model.New(model.KindServiceAccount)
				sa.Meta().Name, sa.Meta().Namespace, sa.Meta().Labels = name, space, d.labels(accountWords)
				out = append(out, sa)
			}
		}
	}
	return out
}

func (d *dice) workload(node string, s Slot) *model.WorkloadEndpoint {
	w := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
	w.Metadata.Namespace, w.Metadata.Labels, w.Origin = one(d, spaceNames...), d.itemLabels(), d.origin()
	w.Spec = model.WorkloadEndpointSpec{Node: node, Endpoint: "eth0", InterfaceName: s.Interface, Profiles: d.profileNames(), Ports: d.endpointPorts()}
	if d.chance(80) {
		w.Spec.Orchestrator, w.Spec.Pod = "k8s", s.Name
		w.Metadata.Name = node + "-k8s-" + s.Name + "-eth0"
	} else {
		w.Spec.Orchestrator, w.Spec.Workload = "openstack", s.Name
		w.Metadata.Name = node + "-openstack-" + s.Name + "-eth0"
	}
	if d.chance(60) {
		w.Spec.ServiceAccountName = one(d, append([]string{"nobody"}, accounts...)...)
	}
	for _, a := range s.Addrs {
		w.Spec.IPNetworks = append(w.Spec.IPNetworks, model.Net{Prefix: netip.PrefixFrom(a, a.BitLen())})
	}
	return w
}

func (d *dice) host(node string, s Slot) *model.HostEndpoint {
	h := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	h.Metadata.Name, h.Metadata.Labels, h.Origin = s.Name, d.itemLabels(), d.origin()
	h.Spec = model.HostEndpointSpec{Node: node, InterfaceName: s.Interface, Profiles: d.profileNames(), Ports: d.endpointPorts()}
	if d.chance(70) {
		h.Spec.ExpectedIPs = append(h.Spec.ExpectedIPs, s.Addrs...)
	}
	return h
}

// endpointPorts define the shared names with different numbers, also one name twice on one endpoint.
func (d *dice) endpointPorts() []model.EndpointPort {
	var out []model.EndpointPort
	for range d.IntN(4) {
		out = append(out, model.EndpointPort{
			Name:     one(d, portNames[:3]...),
			Protocol: one(d, model.Protocol{Name: "TCP", Number: 6}, model.Protocol{Name: "TCP", Number: 6}, model.Protocol{Name: "UDP", Number: 17}, model.Protocol{Name: "SCTP", Number: 132}),
			Port:     int(one(d, ruleNumbers...)),
		})
	}
	return out
}

// elsewhere makes endpoints of another node at some of the remote addresses; one may share an address with another
// endpoint, as during a migration.
func (d *dice) elsewhere() []model.Resource {
	if len(d.cfg.Remotes) == 0 {
		return nil
	}
	var out []model.Resource
	for i := range 1 + d.IntN(3) {
		s := Slot{Name: d.uniqueName("r", i), Interface: d.uniqueName("cali9", i), Addrs: some(d, 2, d.cfg.Remotes)}
		if !d.cfg.LabOnly && d.chance(40) {
			s.Addrs = append(s.Addrs, one(d, d.pool...))
		}
		if len(s.Addrs) > 1 && s.Addrs[0] == s.Addrs[1] {
			s.Addrs = s.Addrs[:1]
		}
		if d.chance(25) {
			out = append(out, d.host("n2", s))
		} else {
			out = append(out, d.workload("n2", s))
		}
	}
	return out
}

// sets hold nets as people write them: host bits set, bare addresses, duplicates, both families, nets in nets.
func (d *dice) sets() []model.Resource {
	var out []model.Resource
	for i := range d.IntN(4) {
		kind := one(d, model.KindNetworkSet, model.KindGlobalNetworkSet)
		s := model.New(kind).(*model.NetworkSet)
		s.Metadata.Name, s.Metadata.Labels, s.Origin = d.uniqueName("set", i), d.itemLabels(), d.origin()
		delete(s.Metadata.Labels, model.LabelNamespace) // sets are refused it
		if kind.Namespaced() {
			s.Metadata.Namespace = one(d, spaceNames...)
		}
		for range d.IntN(4) {
			n := d.net(one(d, 4, 4, 6))
			if n.Bits() == 0 {
				continue
			}
			if d.chance(30) {
				n = netip.PrefixFrom(one(d, d.pool...), 0)
				n = netip.PrefixFrom(n.Addr(), one(d, n.Addr().BitLen(), n.Addr().BitLen()/2))
			}
			s.Spec.Nets = append(s.Spec.Nets, model.Net{Prefix: n})
		}
		out = append(out, s)
	}
	return out
}
