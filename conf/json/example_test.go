package json_test

import (
	"fmt"

	"rampart/conf/json"
	"rampart/conf/tree"
)

func ExampleParse() {
	roots, diags := json.Parse(tree.NewFile("a.json", []byte(`{"order": 10, "Order": 11}`)))
	for _, f := range roots[0].Fields {
		fmt.Println(f.Name, f.Value.Text, f.Value.Range())
	}
	fmt.Println(len(diags))
	// Output:
	// order 10 a.json:1,11-13
	// Order 11 a.json:1,24-26
	// 0
}
