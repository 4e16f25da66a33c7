package classify_test

import (
	"fmt"
	"net/netip"

	"rampart/xdp/classify"
)

func ExampleBuild() {
	const deny, allow = 0, 1
	c, err := classify.Build(false, []classify.Rule{
		{Priority: 1, Src: netip.MustParsePrefix("10.0.0.0/8"), SrcPort: classify.AnyPort, DstPort: classify.Range{Min: 443, Max: 443}, Protocol: 6, Value: allow},
		{Priority: 2, SrcPort: classify.AnyPort, DstPort: classify.AnyPort, AnyProtocol: true, Value: deny},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	out := make([]uint32, 2)
	c.Lookup4([]classify.Key4{
		{Src: 10<<24 | 1, Dst: 192<<24 | 1, SrcPort: 40000, DstPort: 443, Protocol: 6},
		{Src: 11<<24 | 1, Dst: 192<<24 | 1, SrcPort: 40000, DstPort: 443, Protocol: 6},
	}, out)
	fmt.Println(out)
	// Output: [1 0]
}

func ExampleClassifier_Insert() {
	const deny, allow = 0, 1
	anyone := classify.Rule{Priority: 10, SrcPort: classify.AnyPort, DstPort: classify.AnyPort, AnyProtocol: true, Value: deny}
	before, err := classify.Build(true, []classify.Rule{anyone})
	if err != nil {
		fmt.Println(err)
		return
	}
	friend := anyone
	friend.Priority, friend.Src, friend.Value = 5, netip.MustParsePrefix("2001:db8::/32"), allow
	after, err := before.Insert(friend)
	if err != nil {
		fmt.Println(err)
		return
	}
	keys := []classify.Key6{{Src: netip.MustParseAddr("2001:db8::1").As16(), DstPort: 443, Protocol: 6}}
	out := make([]uint32, 1)
	before.Lookup6(keys, out)
	fmt.Println(out, before.Len())
	after.Lookup6(keys, out)
	fmt.Println(out, after.Len(), after.Pending())
	// Output:
	// [0] 1
	// [1] 2 1
}
