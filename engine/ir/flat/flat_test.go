package flat_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rampart/bench/gen"
	"rampart/engine/compile"
	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
	"rampart/model/store"
)

// On random programs the lists decide as the evaluator does, for the same reason.
func TestListsDecideAsTheEvaluator(t *testing.T) {
	decisions := map[flat.Verdict]model.Decision{flat.Allow: model.DecisionAllow, flat.Deny: model.DecisionDeny, flat.Continue: model.DecisionContinue}
	seen := map[string]int{}
	for seed := range uint64(150) {
		cfg := gen.DefaultConfig()
		world := gen.World(seed, cfg)
		p := compile.Compile(store.ViewOf(world...), compile.Host{Node: cfg.Node}, ir.Options{})
		lists := flat.Build(p)
		matcher := flat.NewMatcher(p.Sets)
		evaluator := eval.NewEvaluator(p)
		for _, pr := range gen.Probes(seed, cfg, world, 150) {
			pr.Packet.HTTP = nil
			ep := p.Endpoint(pr.Endpoint)
			if ep == nil || ep.Group(pr.Direction, pr.Layer) == nil {
				continue
			}
			want, err := evaluator.Evaluate(pr)
			if err != nil {
				t.Fatal(err)
			}
			head := lists.Heads[ep.Group(pr.Direction, pr.Layer).ID]
			d := head.Decide(func(r *ir.Rule) bool { return matcher.Matches(r, &pr.Packet) })
			got := model.Verdict{Decision: decisions[d.Verdict], DecidedBy: d.List.End.Why}
			if d.Entry != nil {
				got.Rule, got.DecidedBy = d.Entry.Rule.ID, d.Entry.Why
			}
			for _, e := range d.Passed {
				if e.Log {
					got.Logged = append(got.Logged, e.Why)
				}
			}
			if got.Decision != want.Decision || got.DecidedBy != want.DecidedBy || got.Rule != want.Rule || !slices.Equal(got.Logged, want.Logged) {
				t.Errorf("seed %d, %v %v %v %v:\n got %+v\nwant %+v\n%s", seed, pr.Endpoint, pr.Direction, pr.Layer, pr.Packet, got, want, text(head))
				return
			}
			kind, _, _ := strings.Cut(want.DecidedBy, ":")
			seen[fmt.Sprint(kind[:min(6, len(kind))], " ", len(want.Logged) > 0)]++
		}
	}
	if len(seen) < 8 {
		t.Errorf("the worlds are too much alike: %v", seen)
	}
}

// text shows a list and those it goes to.
func text(l *flat.List) string {
	var b strings.Builder
	fmt.Fprintf(&b, "list %s (%s)\n", l.ID, l.Name)
	for i := range l.Entries {
		e := &l.Entries[i]
		fmt.Fprintf(&b, "  %s: %v", e.Why, e.Verdict)
		if e.Next != nil {
			fmt.Fprintf(&b, " %s", e.Next.ID)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "  end %v %s", l.End.Verdict, l.End.Why)
	if l.End.Next != nil {
		fmt.Fprintf(&b, " %s", l.End.Next.ID)
	}
	b.WriteByte('\n')
	for _, n := range l.Nexts() {
		b.WriteString(text(n))
	}
	return b.String()
}

// rule is "Allow tcp", "Pass all", …; every rule gets an ID of its own.
func rule(id model.RuleID, s string) *ir.Rule {
	action, proto, _ := strings.Cut(s, " ")
	r := &ir.Rule{ID: id, Action: model.Action(action), Index: int(id)}
	switch proto {
	case "tcp":
		r.Match.Protocol = model.ProtoTCP
	case "udp":
		r.Match.Protocol = model.ProtoUDP
	case "icmp":
		r.Match.Protocol = model.ProtoICMP
	}
	return r
}

// tier makes a tier of one policy from rules.
func tier(name string, def model.Action, ids model.RuleID, rules ...string) ir.Tier {
	p := &ir.Policy{ID: ir.PolicyID(name), Key: model.Key{Kind: model.KindGlobalNetworkPolicy, Name: "p"}, Tier: name}
	for i, s := range rules {
		p.Ingress = append(p.Ingress, rule(ids+model.RuleID(i), s))
	}
	return ir.Tier{Name: name, Default: def, Policies: []*ir.Policy{p}}
}

// Pass becomes structure only where it skips something.
func TestPass(t *testing.T) {
	open := &ir.Profile{Name: "open", Ingress: []*ir.Rule{rule(90, "Allow all")}}
	for _, c := range []struct {
		name  string
		tiers []ir.Tier
		lists int
		want  string
	}{
		{"a tier that passes by default is joined to the next", []ir.Tier{tier("a", model.Pass, 10, "Deny tcp"), tier("b", model.Deny, 20, "Allow udp")}, 1,
			"deny(a) allow(b) end:deny"},
		{"so is one that ends by passing everything", []ir.Tier{tier("a", model.Deny, 10, "Deny tcp", "Pass all", "Deny udp"), tier("b", model.Deny, 20, "Allow udp")}, 1,
			"deny(a) nothing(a) allow(b) end:deny"},
		{"a Pass before others goes to the rest", []ir.Tier{tier("a", model.Deny, 10, "Pass tcp", "Allow udp"), tier("b", model.Deny, 20, "Allow tcp")}, 2,
			"goto(a) allow(a) end:deny"},
		{"and with it the tier's default", []ir.Tier{tier("a", model.Pass, 10, "Pass tcp", "Allow udp"), tier("b", model.Pass, 20, "Allow tcp")}, 2,
			"goto(a) allow(a) end:goto"},
		{"the last Pass only counts", []ir.Tier{tier("a", model.Pass, 10, "Allow udp", "Pass tcp"), tier("b", model.Pass, 20, "Allow tcp")}, 1,
			"allow(a) nothing(a) allow(b) allow(profile:open) end:allow"},
		{"a Log is kept, a rule below one for everything is not", []ir.Tier{tier("a", model.Pass, 10, "Log all", "Allow all", "Deny tcp")}, 1,
			"nothing(a) allow(a) end:allow"},
		{"three tiers of Pass are three lists", []ir.Tier{
			tier("a", model.Deny, 10, "Pass tcp", "Pass udp", "Deny all"),
			tier("b", model.Deny, 20, "Pass tcp", "Pass udp", "Deny all"),
			tier("c", model.Deny, 30, "Pass tcp", "Pass udp", "Deny all")}, 4,
			"goto(a) goto(a) deny(a) end:deny"},
		{"a staged policy is not there", []ir.Tier{{Name: "a", Default: model.Deny, Policies: []*ir.Policy{{Staged: true, Ingress: []*ir.Rule{rule(1, "Deny all")}}}}}, 1,
			"allow(profile:open) end:allow"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &ir.Group{ID: "g", Direction: model.Ingress, Tiers: c.tiers, Profiles: []*ir.Profile{open}}
			p := flat.Build(&ir.Program{Groups: []*ir.Group{g}})
			head := p.Heads["g"]
			var words []string
			for _, e := range head.Entries {
				owner := e.Owner.Name
				if owner == "p" {
					owner, _, _ = strings.Cut(e.Why, "/")
				} else {
					owner = "profile:" + owner
				}
				words = append(words, fmt.Sprintf("%v(%s)", e.Verdict, owner))
			}
			words = append(words, "end:"+head.End.Verdict.String())
			if got := strings.Join(words, " "); got != c.want || len(p.Lists) != c.lists {
				t.Errorf("got  %s (%d lists)\nwant %s (%d lists)\n%s", got, len(p.Lists), c.want, c.lists, text(head))
			}
			if p.Lists[0] != head {
				t.Error("the head is not the first list")
			}
		})
	}
}

// Groups that end alike share the lists their Pass rules lead to, however many ways there are through the tiers.
func TestListsAreShared(t *testing.T) {
	var tiers []ir.Tier
	for i := range 12 {
		tiers = append(tiers, tier(fmt.Sprint("t", i), model.Deny, model.RuleID(100*(i+1)), "Pass tcp", "Pass udp", "Allow icmp"))
	}
	p := &ir.Program{}
	for i := range tiers {
		p.Groups = append(p.Groups, &ir.Group{ID: ir.GroupID(fmt.Sprint("g", i)), Direction: model.Ingress, Tiers: tiers[i:]})
	}
	lists := flat.Build(p)
	if want := len(tiers) + 1; len(lists.Lists) != want {
		t.Errorf("%d lists, want %d", len(lists.Lists), want)
	}
	at := map[*flat.List]int{}
	for i, l := range lists.Lists {
		at[l] = i
	}
	for i, l := range lists.Lists {
		for _, n := range l.Nexts() {
			if at[n] <= i {
				t.Errorf("list %d goes back to list %d", i, at[n])
			}
		}
	}
	if again := flat.Of(p.Groups[3]); again.ID != lists.Heads["g3"].ID {
		t.Errorf("one group alone gives %s, all give %s", again.ID, lists.Heads["g3"].ID)
	}
}
