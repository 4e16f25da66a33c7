package schema_test

import (
	"fmt"

	"rampart/conf/schema"
	"rampart/conf/tree"
	"rampart/conf/yaml"
	"rampart/model"
)

// The Go type is the schema.
func Example() {
	var rule model.Rule
	roots, _ := yaml.Parse(tree.NewFile("rule.yaml", []byte("action: Allow\nprotcol: TCP\n")))
	for _, p := range schema.Decode(roots[0], &rule, "", "rule") {
		fmt.Printf("%s: %s\n", p.Diagnostic.Subject, p.Diagnostic.Detail)
	}
	fmt.Println(rule.Action, rule.Origin)
	// Output:
	// rule.yaml:2,1-8: "protcol" is not a field of rule. Did you mean "protocol"?
	// Allow rule.yaml:1
}
