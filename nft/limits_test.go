package nft_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"rampart/conf"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model/store"
	"rampart/nft"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// estateYAML is a host with three policies: few rules, many rules, and one that asks for a large network set.
func estateYAML(rules, nets int) string {
	var b strings.Builder
	b.WriteString(`apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: h1}
spec: {node: n1, interfaceName: eth0}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: few}
spec: {selector: all(), order: 1, ingress: [{action: Allow, protocol: TCP, destination: {ports: [22]}}]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: blocklist}
spec:
  selector: all()
  order: 2
  ingress:
  - {action: Deny, source: {selector: bad == 'yes'}}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: many}
spec:
  selector: all()
  order: 3
  ingress:
`)
	for i := range rules {
		fmt.Fprintf(&b, "  - {action: Allow, protocol: TCP, source: {nets: [10.%d.%d.0/24]}, destination: {ports: [%d]}}\n", i/256, i%256, 1000+i)
	}
	b.WriteString("---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: bad, labels: {bad: \"yes\"}}\nspec:\n  nets:\n")
	for i := range nets {
		fmt.Fprintf(&b, "  - 20.0.%d.%d/32\n", i/256, i%256)
	}
	return b.String()
}

func programOf(t *testing.T, yaml string) *ir.Program {
	t.Helper()
	resources, diags := conf.Decode("estate.yaml", []byte(yaml))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return compile.Compile(store.ViewOf(resources...), compile.Host{Node: "n1"}, ir.Options{})
}

var limitCases = []struct {
	name        string
	rules, nets int
	limits      nft.Limits
	// want is in the error in every lowering; "" is no error.
	want string
}{
	{"within all limits", 20, 40, nft.Limits{Elements: 2000, SetElements: 40, Rules: 1000, Chains: 300, Sets: 300, Memory: 32 << 20}, ""},
	{"members of a set", 20, 41, nft.Limits{SetElements: 40},
		`limits.set_elements: 41 members of a set, at most 40 are allowed; the set {bad == "yes"} has 41, ` +
			`asked for by default/GlobalNetworkPolicy:blocklist[0] (estate.yaml:18)`},
	{"members of sets", 20, 300, nft.Limits{Elements: 299}, `limits.elements: 300 members of sets, at most 299 are allowed; the set {bad == "yes"} has 300`},
	{"policy rules", 400, 10, nft.Limits{Rules: 300},
		`limits.rules: 402 rules of policies, at most 300 are allowed; 400 of them come from GlobalNetworkPolicy/many (estate.yaml:20)`},
	{"memory", 400, 10, nft.Limits{Memory: 100_000}, `bytes of kernel memory by estimate, at most 100 000 are allowed; `},
	{"memory of many rules", 400, 10, nft.Limits{Memory: 100_000}, `of them come from GlobalNetworkPolicy/many (estate.yaml:20)`},
	{"memory of a large set", 4, 4000, nft.Limits{Memory: 200_000},
		`the set {bad == "yes"} has 4 000, asked for by default/GlobalNetworkPolicy:blocklist[0] (estate.yaml:18)`},
	{"chains", 400, 10, nft.Limits{Chains: 2}, `nftables chains, at most 2 are allowed; `},
	{"sets", 400, 10, nft.Limits{Sets: 1}, `nftables sets and maps, at most 1 are allowed; `},
}

var bothLowerings = map[string]lower.GroupFunc{"rules": lower.Walk, "lookups": lower.Blocks}

// Each limit refuses a program that exceeds it, and names the policy and the line.
func TestLimits(t *testing.T) {
	for name, group := range bothLowerings {
		for _, c := range limitCases {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				err := nft.Config{Group: group, Limits: c.limits}.Check(programOf(t, estateYAML(c.rules, c.nets)))
				switch {
				case c.want == "" && err != nil:
					t.Error(err)
				case c.want == "":
				case err == nil || !strings.Contains(err.Error(), c.want):
					t.Errorf("the error is %v\nwant %s", err, c.want)
				case !errors.Is(err, nft.ErrTooLarge):
					t.Errorf("%v is not ErrTooLarge", err)
				}
			})
		}
	}
}

// What the limits of elements and rules count after lowering: rules for several ports and both families are several.
func TestLimitsOfTheTable(t *testing.T) {
	p := programOf(t, estateYAML(100, 10))
	for name, tt := range map[string]struct {
		group  lower.GroupFunc
		limits nft.Limits
		want   string
	}{
		"rules":   {lower.Walk, nft.Limits{Rules: 105}, `limits.rules: 127 nftables rules, at most 105 are allowed; 100 of them come from GlobalNetworkPolicy/many (estate.yaml:20)`},
		"lookups": {lower.Blocks, nft.Limits{Elements: 80}, `at most 80 are allowed; 100 of them come from GlobalNetworkPolicy/many (estate.yaml:20)`},
	} {
		if err := (nft.Config{Group: tt.group, Limits: tt.limits}).Check(p); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: the error is %v\nwant %s", name, err, tt.want)
		}
	}
}

// A rule that names more ports than fit into a rule loads, in every lowering.
func TestManyNamedPorts(t *testing.T) {
	var names []string
	for i := range 45 {
		names = append(names, fmt.Sprintf("port-%d", i))
	}
	list := strings.Join(names, ", ")
	p := programOf(t, estateYAML(20, 1)+`---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: long}
spec:
  selector: all()
  ingress:
  - {action: Log, protocol: TCP, source: {ports: [`+list+`]}, destination: {ports: [`+list+`]}}
  - {action: Allow, protocol: TCP, source: {notPorts: [`+list+`]}, destination: {notPorts: [`+list+`]}}
`)
	for _, group := range bothLowerings {
		apply(t, backend(t, hosts(t, 1)[0], nft.Config{Group: group}), p)
	}
}

// A rule of more expressions than the kernel takes is refused by name.
func TestLongRule(t *testing.T) {
	p := programOf(t, estateYAML(1, 1))
	group := func(b *lower.Builder, g *ir.Group, v lower.Verdicts) string {
		name := lower.Walk(b, g, v)
		if c, fresh := b.Chain("long", ""); fresh {
			r := &ruleset.Rule{ID: p.Policies[0].Ingress[0].ID}
			for range 70 {
				r.Statements = append(r.Statements, ruleset.Protocol(false, 6))
			}
			c.Rules = append(c.Rules, r)
		}
		return name
	}
	const want = "the kernel: 140 expressions in a rule, at most 128 are allowed; default/GlobalNetworkPolicy:blocklist[0] (estate.yaml:18)"
	if err := (nft.Config{Group: group}).Check(p); !errors.Is(err, nft.ErrTooLarge) || err.Error() != want {
		t.Errorf("the error is %v\nwant %s", err, want)
	}
}

// A program that is refused leaves the kernel as it is, whichever limit it exceeds.
func TestRefusedProgramChangesNothing(t *testing.T) {
	ns := hosts(t, 1)[0]
	empty := programOf(t, "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: h1}\nspec: {node: n1, interfaceName: eth0}\n")
	for name, group := range bothLowerings {
		for _, c := range limitCases {
			if c.want == "" {
				continue
			}
			b := backend(t, ns, nft.Config{Group: group, Limits: c.limits, Shared: true})
			cli(t, ns, "table inet rampart {\n chain before {\n accept\n}\n}\n", "-f", "-")
			if c.limits.Chains == 0 && c.limits.Sets == 0 {
				apply(t, b, empty)
			}
			before := cli(t, ns, "", "list", "ruleset")
			p := programOf(t, estateYAML(c.rules, c.nets))
			if err := b.Check(t.Context(), p); !errors.Is(err, nft.ErrTooLarge) {
				t.Errorf("%s, %s: Check: %v", c.name, name, err)
			}
			if _, err := b.Apply(t.Context(), p); !errors.Is(err, nft.ErrTooLarge) {
				t.Errorf("%s, %s: Apply: %v", c.name, name, err)
			}
			if after := cli(t, ns, "", "list", "ruleset"); after != before || !strings.Contains(before, "table inet rampart") {
				t.Errorf("%s, %s: the ruleset has changed:\n%s\nbefore:\n%s", c.name, name, after, before)
			}
			cli(t, ns, "", "flush", "ruleset")
		}
	}
}

// A limit lets through what is just as large, counts that exactly, and refuses one more; it holds what the program has and
// what is made of it to the same number.
func TestLimitBorders(t *testing.T) {
	p := programOf(t, estateYAML(60, 50))
	for name, group := range bothLowerings {
		for limit, set := range map[string]func(*nft.Limits, int){
			"limits.elements":     func(l *nft.Limits, n int) { l.Elements = n },
			"limits.set_elements": func(l *nft.Limits, n int) { l.SetElements = n },
			"limits.rules":        func(l *nft.Limits, n int) { l.Rules = n },
			"limits.chains":       func(l *nft.Limits, n int) { l.Chains = n },
			"limits.sets":         func(l *nft.Limits, n int) { l.Sets = n },
			"limits.memory":       func(l *nft.Limits, n int) { l.Memory = int64(n) },
		} {
			check := func(n int) (e *ir.LimitError) {
				var limits nft.Limits
				set(&limits, n)
				if err := (nft.Config{Group: group, Limits: limits}).Check(p); err != nil && !errors.As(err, &e) {
					t.Errorf("%s, %s of %d: %v", name, limit, n, err)
				}
				return e
			}
			counted := map[string]bool{}
			for e := check(1); e != nil; {
				if e.Limit != limit || counted[e.What] {
					t.Errorf("%s, %s: %v although as many are allowed", name, limit, e)
					break
				}
				counted[e.What] = true
				if less := check(int(e.Have) - 1); less == nil || less.What != e.What {
					t.Errorf("%s, %s: %d %s are refused, and one less allowed gives %v", name, limit, e.Have, e.What, less)
				}
				e = check(int(e.Have))
			}
			want := 1
			if limit == "limits.elements" || limit == "limits.rules" {
				want = 2 // before lowering and after it
			}
			if len(counted) != want {
				t.Errorf("%s, %s: counted are %v, want %d", name, limit, counted, want)
			}
		}
	}
}

// Rules of profiles count like those of policies, and those of both directions.
func TestLimitOfProfileRules(t *testing.T) {
	yaml := "apiVersion: projectcalico.org/v3\nkind: Profile\nmetadata: {name: long}\nspec:\n  ingress:\n" +
		strings.Repeat("  - {action: Allow}\n", 6) + "  egress:\n" + strings.Repeat("  - {action: Deny}\n", 4) +
		"---\napiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: h1}\nspec: {node: n1, interfaceName: eth0, profiles: [long]}\n" +
		"---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: out}\nspec: {selector: all(), egress: [{action: Allow}, {action: Deny}]}\n"
	err := nft.Config{Limits: nft.Limits{Rules: 11}}.Check(programOf(t, yaml))
	const want = "limits.rules: 12 rules of policies, at most 11 are allowed; 10 of them come from Profile/long (estate.yaml:1)"
	if !errors.Is(err, nft.ErrTooLarge) || err.Error() != want {
		t.Errorf("the error is %v\nwant %s", err, want)
	}
}
