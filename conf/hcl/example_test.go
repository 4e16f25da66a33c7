package hcl_test

import (
	"fmt"

	"rampart/conf/hcl"
	"rampart/conf/tree"
)

// Local values are replaced by what they stand for.
func ExampleParse() {
	f := tree.NewFile("sets.hcl", []byte(`
locals { office = "192.0.2.0/24" }
global_network_set "admins" { nets = [local.office, "203.0.113.7/32"] }
`))
	root, diags := hcl.Parse(f)
	set := root.Fields[0].Value.Items[0]
	fmt.Println(root.Fields[0].Name, set.Labels[0].Text, len(diags))
	for _, net := range set.Field("nets").Value.Items {
		fmt.Println(net.Text, net.Range())
	}
	// Output:
	// global_network_set admins 0
	// 192.0.2.0/24 sets.hcl:3,39-51
	// 203.0.113.7/32 sets.hcl:3,53-69
}
