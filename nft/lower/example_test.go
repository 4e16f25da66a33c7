package lower_test

import (
	"fmt"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/lower"
)

func Example() {
	host := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	host.Metadata.Name = "h1"
	host.Spec = model.HostEndpointSpec{Node: "n1", InterfaceName: "eth0", Profiles: []string{model.ProfileAllowAll}}
	p := compile.Compile(store.ViewOf(host), compile.Host{Node: "n1"}, ir.Options{})

	for _, c := range lower.Lower(p, lower.Options{}).Chains {
		if c.Base != nil {
			fmt.Printf("%s at %s: %d rules\n", c.Name, c.Base.Hook, len(c.Rules))
		}
	}
	// Output:
	// input at input: 3 rules
	// output at output: 3 rules
	// mangle-postrouting at postrouting: 1 rules
}
