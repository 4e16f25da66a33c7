package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/engine/ir"
)

// TestExplanationText prints one group of each form.
func TestExplanationText(t *testing.T) {
	x := explanation{
		Node: "n1", Lowering: "Lookups",
		Groups: []explainedGroup{
			{
				ID: "g1", Direction: "ingress", Layer: "forward", Form: "lookups", Why: "a reason", Rules: 900,
				Endpoints: []string{"HostEndpoint/a (eth0)", "HostEndpoint/b (eth1)"},
				Policies:  []string{"default/p1", "default/p2", "default/p3", "default/p4", "default/p5", "default/p6", "default/p7"},
				Profiles:  []string{"open"},
				Lists: []explainedList{
					{
						Name: "default", Chain: "list-in-default-1", Family: 4, Rules: 899, Unreached: []string{"default/p1[3] (a.yaml:7)"}, HashMaps: 2, RangeMaps: 13, Elements: 1700,
						RulesLeft: 31, Chains: 70, ExpectedNS: 207, OneMapNS: 1358, NoMapNS: 20250, Shared: []ir.GroupID{"g2"},
						Cuts: []explainedCut{{"destination port", 1, 60, reason("destination port")}, {"source and protocol", 3, 12, reason("source and protocol")}},
					},
					{Name: "default", Chain: "list-in-default-1", Family: 6, Rules: 1, RulesLeft: 1, Chains: 1, ExpectedNS: 45},
				},
			},
			{
				ID: "g2", Chain: "group-out-p8-g2-2", Direction: "egress", Layer: "normal", Form: "rules", Why: "another reason", Rules: 3, Left: 4, Chains: 2, Together: 2, ExpectedNS: 90,
				LookupsNS: 80, Endpoints: []string{"WorkloadEndpoint/prod/a (cali1)"}, Policies: []string{"default/p8"},
			},
			{ID: "g3", Direction: "ingress", Layer: "preDNAT", Form: "rules", Why: "another reason"},
		},
		Table: explainedTable{80, 1, 2, 1700, 20 << 20},
	}
	const want = `node n1, lowering Lookups

ingress that the host forwards
  group      g1
  endpoints  2 share it: HostEndpoint/a (eth0), HostEndpoint/b (eth1)
  policies   default/p1, default/p2, default/p3, default/p4, default/p5 and 2 more
  profiles   open
  rules      900
  why        a reason

  LIST     IP  RULES  UNREACHED  CUTS  HASH MAPS  RANGE MAPS  ELEMENTS  RULES LEFT  CHAINS  EXPECTED  AS ONE MAP  AS RULES
  default  4   899    1          4     2          13          1700      31          70      207 ns    1358 ns     20 µs
  default  6   1      0          0     0          0           0         1           1       45 ns     -           -

  default, IPv4: chain list-in-default-1
    cut by destination port: 1 map, 60 regions: each port, or range of ports, has few rules
    cut by source and protocol: 3 maps, 12 regions: few rules of one protocol reach into each range of addresses
    no packet reaches 1 rule, earlier rules take all theirs: default/p1[3] (a.yaml:7)
    shared with the groups g2

  default, IPv6: chain list-in-default-1

egress of the endpoint itself
  group      g2
  chain      group-out-p8-g2-2
  endpoint   WorkloadEndpoint/prod/a (cali1)
  policies   default/p8
  first      2 rules by peer, interface and port, in maps for many endpoints
  rules      3, in nftables 4 rules in 2 chains
  why        another reason
  expected   90 ns a packet; with lowering = "Lookups" 80 ns

ingress before its destination is rewritten
  group      g3
  endpoints  none
  rules      0, in nftables no rules in no chains
  why        another reason

the table, with what is around policy: 80 chains, 1 rule, 2 sets and maps, 1700 elements, about 20 MiB of kernel memory
`
	var got strings.Builder
	if err := x.write(&got, "text"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got.String()); d != "" {
		t.Error(d)
	}
}
