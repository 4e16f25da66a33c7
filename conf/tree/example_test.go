package tree_test

import (
	"fmt"

	"rampart/conf/tree"
)

// A node keeps its place, down to the character of a string.
func Example() {
	f := tree.NewFile("policy.yaml", []byte("selector: role = 'db'\n"))
	n := &tree.Node{File: f, Kind: tree.String, Text: "role = 'db'", Start: 10, End: 21}
	fmt.Println(n.Range())
	r, _ := n.Locate(6)
	fmt.Println(r)
	// Output:
	// policy.yaml:1,11-22
	// policy.yaml:1,16-17
}
