package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"rampart/conf"
	"rampart/model"
)

// node is the name of the node that the daemon plays.
const node = "here"

// world is what the policy files hold.
type world struct {
	endpoints, local, policies, rules int
	// prefixes is the size of the network set, 0 for none.
	prefixes int
	// apart puts the prefix that comes and goes into a network set, and a file, of its own.
	apart bool
	// each puts every endpoint into a file of its own; format is conf.Encode's.
	each   bool
	format string
}

// Labels: policies select endpoints by app, rules select their peers by role.
func (w *world) apps() int  { return max(1, w.policies) }
func (w *world) roles() int { return max(2, w.policies*w.rules) }

func (w *world) endpoint(i int, role, app int) model.Resource {
	e := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
	e.Metadata = model.Metadata{
		Name: fmt.Sprintf("workload-%05d", i), Namespace: "default",
		Labels: map[string]string{"app": fmt.Sprintf("app-%d", app), "role": fmt.Sprintf("role-%d", role), "number": fmt.Sprint(i)},
	}
	e.Spec = model.WorkloadEndpointSpec{
		Node: node, InterfaceName: fmt.Sprintf("cali%05d", i),
		IPNetworks: []model.Net{{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(1 + i>>16), byte(i >> 8), byte(i)}), 32)}},
	}
	if i >= w.local {
		e.Spec.Node = "elsewhere"
	}
	return e
}

func (w *world) policy(p int) model.Resource {
	q := model.New(model.KindNetworkPolicy).(*model.Policy)
	q.Metadata = model.Metadata{Name: fmt.Sprintf("policy-%04d", p), Namespace: "default"}
	order := float64(p)
	q.Spec = model.PolicySpec{Order: &order, Selector: fmt.Sprintf("app == 'app-%d'", p), Types: []model.Direction{model.Ingress}}
	for r := range w.rules {
		q.Spec.Ingress = append(q.Spec.Ingress, model.Rule{
			Action: model.Allow, Protocol: model.ProtocolNumber(model.ProtoTCP),
			Source:      model.EntityRule{Selector: fmt.Sprintf("role == 'role-%d'", (p*w.rules+r)%w.roles())},
			Destination: model.EntityRule{Ports: []model.Port{model.SinglePort(uint16(1000 + r))}},
		})
	}
	return q
}

// blocked is a policy for all endpoints that denies what the network set holds.
func (w *world) blocked() model.Resource {
	q := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	q.Metadata.Name = "blocked"
	q.Spec = model.PolicySpec{Types: []model.Direction{model.Ingress}, Ingress: []model.Rule{
		{Action: model.Deny, Source: model.EntityRule{Selector: "list == 'blocked'"}},
		{Action: model.Allow},
	}}
	return q
}

// networkSet holds the prefixes and, if extra, one more.
func (w *world) networkSet(extra bool) model.Resource {
	s := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
	s.Metadata = model.Metadata{Name: "blocked", Labels: map[string]string{"list": "blocked"}}
	// Lengths as lists of attackers have them: mostly hosts, some networks.
	for i := range w.prefixes {
		bits := 32
		switch i % 8 {
		case 0:
			bits = 24
		case 1:
			bits = 20 + i/8%10
		}
		a := uint32(i)*40503 + 0x14000000
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}), bits).Masked()
		s.Spec.Nets = append(s.Spec.Nets, model.Net{Prefix: p})
	}
	if extra {
		s.Spec.Nets = append(s.Spec.Nets, model.Net{Prefix: netip.MustParsePrefix("203.0.113.0/24")})
	}
	return s
}

// next is the network set that changes.
func (w *world) next(extra bool) model.Resource {
	if !w.apart {
		return w.networkSet(extra)
	}
	small := world{prefixes: 1}
	s := small.networkSet(extra).(*model.NetworkSet)
	s.Metadata.Name = "blocked-too"
	return s
}

// write makes all files; changed is the one that Change writes.
func (w *world) write(dir, changed string) error {
	var errs []error
	put := func(name string, list ...model.Resource) {
		errs = append(errs, writeFile(filepath.Join(dir, name), w.format, list...))
	}
	var rest []model.Resource
	for i := 1; i < w.endpoints; i++ {
		e := w.endpoint(i, i%w.roles(), i%w.apps())
		if w.each {
			put(fmt.Sprintf("workload-%05d.%s", i, w.format), e)
		}
		rest = append(rest, e)
	}
	if !w.each {
		put("endpoints."+w.format, rest...)
	}
	var policies []model.Resource
	for p := range w.policies {
		policies = append(policies, w.policy(p))
	}
	if w.prefixes > 0 {
		policies = append(policies, w.blocked())
	}
	put("policies."+w.format, policies...)
	put("one."+w.format, w.endpoint(0, 0, 0))
	if w.prefixes > 0 {
		if w.apart {
			put("large."+w.format, w.networkSet(false))
		}
		put(changed, w.next(false))
	}
	return errors.Join(errs...)
}

// writeFile puts a whole file in the place of another, as an editor does.
func writeFile(path, format string, list ...model.Resource) error {
	prepared, err := prepare(path, format, list...)
	if err != nil {
		return err
	}
	return os.Rename(prepared, path)
}

// prepare writes what is to take a file's place.
func prepare(path, format string, list ...model.Resource) (string, error) {
	f, err := os.Create(path + "~")
	if err != nil {
		return "", err
	}
	return f.Name(), errors.Join(conf.Encode(f, format, list), f.Close())
}
