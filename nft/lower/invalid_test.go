package lower_test

import (
	"fmt"
	"strings"
	"testing"

	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// TestInvalidWhenForwarded checks at which interfaces packets that conntrack cannot place are dropped: those whose traffic
// policy judges when it is forwarded, whether they are compared one by one, looked up, or have no endpoint of their own.
func TestInvalidWhenForwarded(t *testing.T) {
	const judged = "forwarded: yes"
	host := func(name, iface, label string) string {
		return fmt.Sprintf(`---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: %s, labels: {%s}}
spec: {node: n1, interfaceName: "%s"}
`, name, strings.Replace(label, "yes", `"yes"`, 1), iface)
	}
	workloads := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: n1-k8s-w%[1]d-eth0, namespace: prod}
spec: {node: n1, orchestrator: k8s, pod: w%[1]d, endpoint: eth0, interfaceName: cali%[1]d, ipNetworks: [10.0.0.%[1]d/32], profiles: [projectcalico-default-allow]}
`, i+1)
		}
		return b.String()
	}
	const policy = `
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: forwarded}
spec: {selector: has(forwarded), applyOnForward: true, types: [Ingress, Egress], ingress: [{action: Allow}], egress: [{action: Allow}]}
`
	for name, c := range map[string]struct {
		world string
		// drops are the interfaces where such a packet ends, passes those where it does not.
		drops, passes []string
	}{
		"a few":      {workloads(1) + host("a", "eth0", judged) + host("b", "eth1", ""), []string{"cali1", "eth0"}, []string{"eth1", "eth2"}},
		"many":       {workloads(5) + host("a", "eth0", judged) + host("b", "eth1", ""), []string{"cali1", "cali5", "eth0"}, []string{"eth1", "eth2"}},
		"no policy":  {workloads(5) + host("a", "eth0", ""), []string{"cali1"}, []string{"eth0", "eth2"}},
		"all hosts":  {workloads(5) + host("a", "eth0", judged) + host("b", "eth1", "") + host("c", "*", judged), []string{"cali1", "eth0", "eth2"}, []string{"eth1"}},
		"any host":   {workloads(1) + host("c", "*", judged), []string{"cali1", "eth0"}, nil},
		"no host":    {workloads(1) + host("a", "eth0", judged) + host("c", "*", ""), []string{"cali1", "eth0"}, []string{"eth1"}},
		"hosts only": {host("a", "eth0", judged), []string{"eth0"}, []string{"eth1"}},
	} {
		for lowering, group := range map[string]lower.GroupFunc{"walk": lower.Walk, "blocks": lower.Blocks} {
			l := lower.Lower(compileYAML(t, []byte(policy+c.world), goldenOptions(t, "")), lower.Options{Group: group})
			if err := l.Validate(); err != nil {
				t.Fatal(err)
			}
			m := ruleset.NewMachine(l.Ruleset)
			check := func(in, out, want string) {
				p := &ruleset.Packet{Packet: packet(t, "tcp 10.0.0.1:1000 > 198.51.100.1:80"), In: in, Out: out, CT: ruleset.CTInvalid, HopLimit: 64}
				if in == "cali5" {
					p.Packet = packet(t, "tcp 10.0.0.5:1000 > 198.51.100.1:80")
				}
				if got := walk(m, p); got != want {
					t.Errorf("%s, %s: from %s to %s: %s, want %s\n%s", name, lowering, in, out, got, want, l.Text())
				}
			}
			for _, iface := range c.drops {
				check(iface, "nowhere", "drop invalid-connection-state")
				check("nowhere", iface, "drop invalid-connection-state")
			}
			for _, iface := range c.passes {
				other := c.passes[0]
				check(iface, other, "accept")
				check(other, iface, "accept")
			}
		}
	}
}
