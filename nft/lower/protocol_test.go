package lower_test

import (
	"fmt"
	"strings"
	"testing"

	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// TestProtocolAskedOnce checks that a short list whose rules all ask for one protocol asks for it in front of them, that other
// lists do not, and that every packet gets what policy says.
func TestProtocolAskedOnce(t *testing.T) {
	port := func(action, protocol string, n int) string {
		return fmt.Sprintf("{action: %s, protocol: %s, destination: {ports: [%d]}}", action, protocol, n)
	}
	four := []string{port("Allow", "TCP", 80), port("Deny", "TCP", 81), port("Allow", "TCP", 82), port("Allow", "TCP", 83)}
	and := func(more ...string) string { return strings.Join(append(append([]string{}, four...), more...), ", ") }
	const (
		front   = "meta l4proto != tcp "
		deny    = "drop tier-default:default"
		denied  = "drop default/GlobalNetworkPolicy:p[1]"
		allowed = "accept"
	)
	for name, c := range map[string]struct {
		rules string
		once  bool
		// more are packets beside those of the four rules.
		more map[string]string
	}{
		"all":              {and(), true, nil},
		"one without port": {and("{action: Allow, protocol: TCP, source: {nets: [203.0.113.0/24]}}"), true, map[string]string{"tcp 203.0.113.1:1 > 192.0.2.1:999": allowed, "udp 203.0.113.1:1 > 192.0.2.1:999": deny}},
		"another protocol": {and(port("Allow", "UDP", 53)), false, map[string]string{"udp 198.51.100.1:1 > 192.0.2.1:53": allowed}},
		"any protocol":     {and("{action: Log}"), false, nil},
		"not a protocol": {and("{action: Allow, notProtocol: TCP}"), false, map[string]string{"udp 198.51.100.1:1 > 192.0.2.1:80": allowed, "icmp/8 198.51.100.1 > 192.0.2.1": allowed,
			"udplite [2001:db8::1]:1 > [2001:db8::2]:80": allowed, "icmpv6/128 2001:db8::1 > 2001:db8::2": allowed}},
		"negated port": {and("{action: Allow, protocol: TCP, destination: {notPorts: [90]}}"), true, map[string]string{"tcp 198.51.100.1:1 > 192.0.2.1:91": allowed, "tcp 198.51.100.1:1 > 192.0.2.1:90": deny, "tcp 198.51.100.1:1 > 192.0.2.1:79": allowed, "tcp 198.51.100.1:80 > 192.0.2.1:1234": allowed}},
		"pass":         {and("{action: Pass, protocol: TCP, destination: {ports: [90]}}"), true, map[string]string{"tcp 198.51.100.1:1 > 192.0.2.1:90": "drop no-profile-match"}},
		"log":          {and("{action: Log, protocol: TCP, destination: {ports: [90]}}"), true, map[string]string{"tcp 198.51.100.1:1 > 192.0.2.1:90": deny}},
		"three rules":  {strings.Join(four[:3], ", "), false, map[string]string{"tcp 198.51.100.1:1 > 192.0.2.1:83": deny}},
	} {
		l := lower.Lower(compileYAML(t, fmt.Appendf(nil, hostWith, c.rules), goldenOptions(t, "")), lower.Options{Group: lower.Blocks})
		if err := l.Validate(); err != nil {
			t.Fatal(err)
		}
		if once := strings.Contains(l.Text(), front); once != c.once {
			t.Errorf("%s: asked once: %v, want %v\n%s", name, once, c.once, l.Text())
		}
		packets := map[string]string{
			"tcp 198.51.100.1:1 > 192.0.2.1:80":          allowed,
			"tcp [2001:db8::1]:1 > [2001:db8::2]:80":     allowed,
			"tcp 198.51.100.1:1 > 192.0.2.1:81":          denied,
			"tcp 198.51.100.1:1 > 192.0.2.1:83":          allowed,
			"tcp 198.51.100.1:1 > 192.0.2.1:79":          deny,
			"udp 198.51.100.1:1 > 192.0.2.1:80":          deny,
			"udplite [2001:db8::1]:1 > [2001:db8::2]:80": deny,
			"icmpv6/128 2001:db8::1 > 2001:db8::2":       deny,
			"icmp/8 198.51.100.1 > 192.0.2.1":            deny,
			"tcp 198.51.100.1:80 > 192.0.2.1:1234":       deny,
		}
		for line, want := range c.more {
			packets[line] = want
		}
		m := ruleset.NewMachine(l.Ruleset)
		for line, want := range packets {
			p := &ruleset.Packet{Packet: packet(t, line), In: "eth0", CT: ruleset.CTNew, HopLimit: 64}
			if got := walk(m, p); got != want {
				t.Errorf("%s: %s: %s, want %s\n%s", name, line, got, want, l.Text())
			}
		}
	}
}
