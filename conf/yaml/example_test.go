package yaml_test

import (
	"fmt"

	"rampart/conf/tree"
	"rampart/conf/yaml"
)

// A mistake in one document hides nothing in the others.
func ExampleParse() {
	f := tree.NewFile("two.yaml", []byte("a: [1\n---\nb: 2\n"))
	roots, diags := yaml.Parse(f)
	fmt.Println(len(roots), roots[0].Fields[0].Name)
	fmt.Println(diags)
	// Output:
	// 1 b
	// two.yaml:1,1-6: Invalid YAML; Did not find expected ',' or ']'.
}
