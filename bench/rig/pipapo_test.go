package rig_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"rampart/bench/filter"
	"rampart/bench/lab"
	"rampart/bench/rig"
	"rampart/model"
)

// Of overlapping elements of a concatenated interval map (pipapo) the one inserted first wins as long as the map has at most
// 256 elements. With more, on a processor with AVX2, it does not where the two are in different blocks of 256: there the later
// one wins, whatever the order of the fields. What counts is the last field's table, in which a range that is no prefix takes
// several places (1-1023 takes ten). The log tells what this kernel does.
func TestFirstOfOverlappingElementsWins(t *testing.T) {
	r, err := rig.New(lab.ForTest(t), "pipapo", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, between := range []int{0, 100, 254, 300, 1000} {
		elements := []string{"10.152.39.128 . 89.176.0.0/12 : drop"}
		for i := range between {
			elements = append(elements, fmt.Sprintf("10.%d.%d.7 . 89.1.2.3 : accept", 160+i/250, i%250))
		}
		elements = append(elements, "10.152.0.0/16 . 0.0.0.0/0 : accept")
		script := fmt.Sprintf(`table ip t
delete table ip t
table ip t {
	map m { type ipv4_addr . ipv4_addr : verdict; flags interval; elements = { %s } }
	chain forward {
		type filter hook forward priority 0
		ip daddr . ip saddr vmap @m
	}
}
`, strings.Join(elements, ",\n"))
		if _, err := r.Firewall.Run(context.Background(), script, "nft", "-f", "-"); err != nil {
			t.Skip(err)
		}
		p := model.Packet{
			Src: netip.MustParseAddr("89.188.46.40"), Dst: netip.MustParseAddr("10.152.39.128"), Protocol: model.ProtoUDP, SrcPort: 9, DstPort: 9,
		}
		wrong, err := r.Verdicts([]filter.Flow{{Packet: p, Want: model.Deny}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		switch first := len(wrong) == 0; {
		case between <= 254 && !first:
			t.Errorf("%d elements: the first of two that overlap does not win", between+2)
		default:
			t.Logf("%d elements: the first of two that overlap wins: %v", between+2, first)
		}
	}
}
