package conf_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"rampart/conf"
)

// A source delivers everything or nothing, and says what is wrong and where.
func Example() {
	policy := `
network_policy "allow-tcp-6379" {
  namespace = "production"
  selector  = "role = 'database'"
  ingress {
    action = "Allow"
  }
}
`
	source := conf.FilesWith(conf.FileOptions{Stdin: strings.NewReader(policy)}, "-")
	bundle, diags := source.Load(context.Background())
	fmt.Println(bundle != nil)
	conf.WriteDiagnostics(os.Stdout, diags, source.Sources(), false)
	// Output:
	// false
	// <stdin>:4:21: error: Invalid selector: "=" is not an operator: write "==".
	//      4 |   selector  = "role = 'database'"
	//        |                     ^
	//        = in NetworkPolicy/production/allow-tcp-6379
}

func ExampleEncode() {
	resources, _ := conf.Decode("tier.hcl", []byte(`tier "platform" { order = 100 }`))
	conf.Encode(os.Stdout, conf.FormatYAML, resources)
	// Output:
	// apiVersion: projectcalico.org/v3
	// kind: Tier
	// metadata:
	//   name: platform
	// spec:
	//   order: 100
}

func ExampleDecodeDaemon() {
	c, _ := conf.DecodeDaemon("rampart.yaml", []byte("failsafe: {inbound: ['tcp:22'], outbound: []}"))
	fmt.Println(c.Failsafe.Inbound, c.Failsafe.Outbound, c.EndpointToHostAction)
	// Output: [tcp:22] [] Drop
}
