package model

import (
	"encoding/json"
	"strings"
	"testing"
)

// validatorCase is one row of Calico's validator tests.
type validatorCase struct {
	Type   string
	Name   string
	Valid  bool
	Input  json.RawMessage
	Fields []struct{ Name, Reason string }
}

// fragments wraps the types that are parts of a resource; %s is the fragment.
var fragments = map[string]struct {
	kind Kind
	json string
}{
	"Rule":                         {KindNetworkPolicy, `{"metadata":{"name":"t"},"spec":{"ingress":[%s]}}`},
	"EntityRule":                   {KindNetworkPolicy, `{"metadata":{"name":"t"},"spec":{"ingress":[{"action":"Allow","source":%s}]}}`},
	"HTTPMatch":                    {KindNetworkPolicy, `{"metadata":{"name":"t"},"spec":{"ingress":[{"action":"Allow","http":%s}]}}`},
	"ICMPFields":                   {KindNetworkPolicy, `{"metadata":{"name":"t"},"spec":{"ingress":[{"action":"Allow","protocol":"ICMP","icmp":%s}]}}`},
	"numorstring.Protocol":         {KindNetworkPolicy, `{"metadata":{"name":"t"},"spec":{"ingress":[{"action":"Allow","protocol":%s}]}}`},
	"HostEndpointSpec":             {KindHostEndpoint, `{"metadata":{"name":"t"},"spec":%s}`},
	"internalWorkloadEndpointSpec": {KindWorkloadEndpoint, `{"metadata":{"name":"t"},"spec":%s}`},
	"internalWorkloadEndpointPort": {KindWorkloadEndpoint, `{"metadata":{"name":"t"},"spec":{"interfaceName":"eth0","ports":[%s]}}`},
	"ProfileSpec":                  {KindProfile, `{"metadata":{"name":"t"},"spec":%s}`},
	"NetworkSetSpec":               {KindNetworkSet, `{"metadata":{"name":"t"},"spec":%s}`},
	"GlobalNetworkSetSpec":         {KindGlobalNetworkSet, `{"metadata":{"name":"t"},"spec":%s}`},
}

// acceptedNames are cases in which Calico refuses a name that the specification allows ("alphanumeric string with
// optional ., _, or -"). They are accepted with a warning.
var acceptedNames = map[string]bool{
	"GlobalNetworkPolicy: disallow name with mixed case characters":       true,
	"GlobalNetworkPolicy: disallow k8s policy name":                       true,
	"GlobalNetworkPolicy: disallow name with dot":                         true,
	"StagedGlobalNetworkPolicy: disallow name with mixed case characters": true,
	"StagedGlobalNetworkPolicy: disallow k8s policy name":                 true,
	"StagedGlobalNetworkPolicy: disallow name with dot":                   true,
	"NetworkPolicy: disallow name with mixed case":                        true,
	"NetworkPolicy: disallow name with dot":                               true,
	"NetworkPolicy: disallow name with multiple dot":                      true,
	"StagedNetworkPolicy: disallow name with mixed case":                  true,
	"StagedNetworkPolicy: disallow name with dot":                         true,
}

// otherReasons are reasons of Calico's that are given in other words; each says in which.
var otherReasons = map[string]string{
	msgSubdomain: "name must consist of alphanumeric characters, '-', '_' or '.'",
	// Refused by the decoder, as by Calico's.
	"port range invalid":    "is greater than maximum port number",
	"protocol name invalid": "protocol number 256 is not in 1-255",
	// Calico says the same in two ways.
	"not allowed in egress rules": "not allowed in egress rule",
	"no such key: name evaluating rule: services must specify a service name": "services must specify a service name",
	// What does not parse is not looked at further.
	"global() can only be used in an EntityRule namespaceSelector": "invalid selector",
}

func TestCalicoValidatorCases(t *testing.T) {
	var file struct{ Cases []validatorCase }
	conformanceFile(t, "validator_cases.json", &file)
	ran, unknown := 0, map[string]int{}
	for _, c := range file.Cases {
		kind, doc := Kind(c.Type), string(c.Input)
		if f, ok := fragments[c.Type]; ok {
			kind, doc = f.kind, strings.Replace(f.json, "%s", string(c.Input), 1)
		}
		r := New(kind)
		if r == nil {
			unknown[c.Type]++
			continue
		}
		ran++
		c.run(t, r, doc)
	}
	if len(unknown) > 0 {
		t.Logf("skipped cases of kinds that do not exist here: %v", unknown)
	}
	if ran < 300 {
		t.Errorf("ran %d cases only", ran)
	}
}

func (c *validatorCase) run(t *testing.T, r Resource, doc string) {
	name := c.Type + ": " + c.Name
	var errs, warnings []string
	if err := json.Unmarshal([]byte(doc), r); err != nil {
		errs = append(errs, err.Error())
	} else {
		for _, e := range Validate(r) {
			if e.Warning {
				warnings = append(warnings, e.Error())
			} else {
				errs = append(errs, e.Error())
			}
		}
	}
	switch {
	case c.Valid && len(errs) > 0:
		t.Errorf("%s\n%s\nshould be valid: %s", name, c.Input, strings.Join(errs, "; "))
	case c.Valid || len(errs) > 0:
	case acceptedNames[name]:
		if !strings.Contains(strings.Join(warnings, "; "), "Calico would refuse this name") {
			t.Errorf("%s: no warning", name)
		}
	case c.Name == "should reject Rule with invalid port (name + number)" && strings.Contains(string(c.Input), `["foo"]`):
		// The Go value had a name and a number; no document can say that.
	default:
		t.Errorf("%s\n%s\nshould be invalid", name, c.Input)
	}
	if len(errs) > 0 {
		c.checkReasons(t, name, strings.Join(errs, "\n"))
	}
}

// checkReasons expects each of Calico's reasons among the errors, except those that only name a tag of its code.
func (c *validatorCase) checkReasons(t *testing.T, name, errs string) {
	for _, f := range c.Fields {
		switch {
		case strings.HasPrefix(f.Reason, "Reason: failed to validate"):
		case strings.Contains(errs, f.Reason):
		case otherReasons[f.Reason] != "" && strings.Contains(errs, otherReasons[f.Reason]):
		case f.Name == "Metadata.Name": // more than one reason for one name
		default:
			t.Errorf("%s\n%s\nhas the reason %q, we say:\n%s", name, c.Input, f.Reason, errs)
		}
	}
}
