package lower_test

import (
	"fmt"
	"strings"
	"testing"

	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// hostWith is a host endpoint and a policy for what it receives, whose rules are to be filled in.
const hostWith = `
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: h, labels: {host: "yes"}}
spec: {node: n1, interfaceName: eth0}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: p}
spec: {selector: has(host), types: [Ingress], ingress: [%s]}
`

// TestOneIPVersion checks that a list whose rules all ask for one IP version, or none of them for any, has one chain, and
// that packets of both versions get what policy says.
func TestOneIPVersion(t *testing.T) {
	const v4, v6 = "tcp 192.0.2.1:1000 > 192.0.2.2:80", "tcp [2001:db8::1]:1000 > [2001:db8::2]:80"
	const allow, deny = "accept", "drop tier-default:default"
	for name, c := range map[string]struct {
		rules  string
		chains int
		v4, v6 string
	}{
		"IPv4":                    {`{action: Allow, source: {nets: [192.0.2.0/24]}}`, 1, allow, deny},
		"IPv6":                    {`{action: Allow, source: {nets: ["2001:db8::/32"]}}`, 1, deny, allow},
		"IPv4 with ports":         {`{action: Allow, protocol: TCP, source: {nets: [192.0.2.0/24]}, destination: {ports: [80]}}`, 1, allow, deny},
		"both":                    {`{action: Allow, source: {nets: [192.0.2.0/24]}}, {action: Allow, source: {nets: ["2001:db8::/32"]}}`, 2, allow, allow},
		"neither":                 {`{action: Allow, protocol: TCP}`, 1, allow, allow},
		"no rules":                {``, 1, deny, deny},
		"IPv4, but not addresses": {`{action: Allow, ipVersion: 4, protocol: TCP}`, 2, allow, deny},
		"IPv4 and deny all else":  {`{action: Allow, source: {nets: [192.0.2.0/24]}}, {action: Deny}`, 2, allow, "drop default/GlobalNetworkPolicy:p[1]"},
	} {
		for lowering, group := range map[string]lower.GroupFunc{"default": lower.Blocks, "eager": lower.BlocksWith(eager())} {
			l := lower.Lower(compileYAML(t, fmt.Appendf(nil, hostWith, c.rules), goldenOptions(t, "")), lower.Options{Group: group})
			if err := l.Validate(); err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, chain := range l.Chains {
				if strings.HasPrefix(chain.Name, "list-in-") {
					n++
				}
			}
			if lowering == "default" && n != c.chains {
				t.Errorf("%s: %d chains, want %d\n%s", name, n, c.chains, l.Text())
			}
			m := ruleset.NewMachine(l.Ruleset)
			for line, want := range map[string]string{v4: c.v4, v6: c.v6} {
				p := &ruleset.Packet{Packet: packet(t, line), In: "eth0", CT: ruleset.CTNew, HopLimit: 64}
				if got := walk(m, p); got != want {
					t.Errorf("%s, %s: %s: %s, want %s\n%s", name, lowering, line, got, want, l.Text())
				}
			}
		}
	}
}
