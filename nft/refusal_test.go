package nft

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"rampart/bench/lab"
	"rampart/nft/ruleset"
)

// The kernel's refusal names the object, whatever else the transaction holds.
func TestRefusalNamesTheObject(t *testing.T) {
	l := lab.ForTest(t)
	ns, err := l.Namespace("a")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := open(ns.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseLasting()

	long := strings.Repeat("x", 300) // names are shorter (NFT_NAME_MAXLEN)
	host := func(n int) ruleset.Element {
		a := netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
		return ruleset.Element{Key: string(a.AsSlice())}
	}
	many := func(n int) []ruleset.Element {
		var list []ruleset.Element
		for i := range n {
			list = append(list, host(i))
		}
		return list
	}
	rule := func(comment string, st ...ruleset.Statement) *ruleset.Rule {
		return &ruleset.Rule{Statements: st, Comment: comment}
	}
	addresses := []ruleset.Field{ruleset.SrcV4}
	accept := ruleset.Verdict{Kind: ruleset.Accept}
	// Two anonymous sets and two rules.
	pair := []*ruleset.Rule{
		rule("first", ruleset.Family(4), ruleset.Nets(ruleset.SrcV4, false, prefixes("10.0.0.0/8", "192.0.2.0/24")), accept),
		rule("second", ruleset.Family(4), ruleset.Nets(ruleset.DstV4, false, prefixes("10.0.0.0/8", "192.0.2.0/24")), accept),
	}
	bad := rule("default/GlobalNetworkPolicy:web[0] web.yaml:12", ruleset.JumpChain("nowhere"))
	for _, tc := range []struct {
		name string
		rs   *ruleset.Ruleset
		want string
	}{
		{"a rule between others", &ruleset.Ruleset{Chains: []*ruleset.Chain{
			{Name: "a", Rules: pair}, {Name: "b", Rules: append(append([]*ruleset.Rule{pair[0], bad}, pair...), pair...)}, {Name: "c", Rules: pair},
		}}, `rule "default/GlobalNetworkPolicy:web[0] web.yaml:12" of chain b`},
		{"a chain", &ruleset.Ruleset{Chains: []*ruleset.Chain{{Name: "a", Rules: pair}, {Name: long}, {Name: "c"}}}, "chain " + long},
		{"a set after large ones", &ruleset.Ruleset{
			Sets: []*ruleset.Set{
				{Name: "large", Fields: addresses, Elements: many(9000)}, {Name: long, Fields: addresses}, {Name: "last", Fields: addresses, Elements: many(3000)},
			},
			Chains: []*ruleset.Chain{{Name: "a", Rules: pair}},
		}, "set " + long},
		{"elements of a large set", &ruleset.Ruleset{
			Sets: []*ruleset.Set{
				{Name: "large", Fields: addresses, Elements: many(9000)},
				{Name: "full", Fields: addresses, Comment: "role == 'db'", Size: 5000, Elements: many(9000)},
				{Name: "last", Fields: addresses, Elements: many(3000)},
			},
			Chains: []*ruleset.Chain{{Name: "a", Rules: pair}},
		}, "elements of set full (role == 'db')"},
		{"an element that leads nowhere", &ruleset.Ruleset{
			Sets: []*ruleset.Set{{Name: "m", Fields: addresses, Verdicts: true, Elements: []ruleset.Element{{Key: host(1).Key, Verdict: ruleset.GotoChain("nowhere")}}}},
		}, "elements of map m"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBatch(conn, (&Backend{config: Config{Shared: true}.withDefaults()}).fresh(), nil)
			b.prepareWhole(tc.rs)
			err := b.flush(0)
			var r *Refusal
			if !errors.As(err, &r) || r.Object != tc.want {
				t.Fatalf("the error is %v, want one about %s", err, tc.want)
			}
			var errno unix.Errno
			if !errors.As(err, &errno) || !strings.HasPrefix(err.Error(), tc.want+": ") {
				t.Errorf("the error is %v", err)
			}
			if tables, err := conn.ListTables(); err != nil || len(tables) != 0 {
				t.Errorf("tables afterwards: %v, %v", tables, err)
			}
		})
	}

	// The connection is as good as before.
	b := newBatch(conn, (&Backend{config: Config{Shared: true}.withDefaults()}).fresh(), nil)
	b.prepareWhole(&ruleset.Ruleset{Chains: []*ruleset.Chain{{Name: "a", Rules: pair}}})
	if err := b.flush(0); err != nil || fmt.Sprint(b.conn.queued) != "[]" {
		t.Errorf("afterwards: %v, %v", err, b.conn.queued)
	}
}

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}
