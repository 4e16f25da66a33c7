package compile_test

import (
	"testing"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

func TestSmoke(t *testing.T) {
	wep := func(name, ip, role string) *model.WorkloadEndpoint {
		w := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
		w.Metadata = model.Metadata{Name: name, Namespace: "production", Labels: map[string]string{"role": role}}
		n, _ := model.ParseNet(ip)
		w.Spec = model.WorkloadEndpointSpec{Node: "n1", IPNetworks: []model.Net{n}, InterfaceName: "cali" + name, Profiles: []string{"missing"},
			Ports: []model.EndpointPort{{Name: "redis", Protocol: model.Protocol{Name: "TCP", Number: 6}, Port: 6379}}}
		return w
	}
	p := model.New(model.KindNetworkPolicy).(*model.Policy)
	p.Metadata = model.Metadata{Name: "allow-tcp-6379", Namespace: "production"}
	p.Spec.Selector = "role == 'database'"
	p.Spec.Ingress = []model.Rule{{Action: model.Allow, Protocol: model.Protocol{Name: "TCP", Number: 6},
		Source: model.EntityRule{Selector: "role == 'frontend'"}, Destination: model.EntityRule{Ports: []model.Port{{Name: "redis"}, model.SinglePort(80)}}}}
	p.Spec.Egress = []model.Rule{{Action: model.Allow}}
	prog := compile.Compile(store.ViewOf(p, wep("a", "10.0.0.1", "frontend"), wep("b", "10.0.0.2", "database")), compile.Host{Node: "n1"}, ir.Options{})
	if len(prog.Groups) != 4 {
		t.Error(ir.Text(prog))
	}
}
