package conf

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"rampart/model"
)

// validatorCase is a whole resource or a fragment of one that Calico's validator accepts or rejects.
type validatorCase struct {
	Type, Name string
	Valid      bool
	Input      json.RawMessage
	Error      string
}

// wholeTypes are the types of cases that are whole resources.
var wholeTypes = map[string]model.Kind{
	"NetworkPolicy": model.KindNetworkPolicy, "GlobalNetworkPolicy": model.KindGlobalNetworkPolicy, "Tier": model.KindTier,
	"StagedNetworkPolicy": model.KindStagedNetworkPolicy, "StagedGlobalNetworkPolicy": model.KindStagedGlobalNetworkPolicy,
	"StagedKubernetesNetworkPolicy": model.KindStagedKubernetesNetworkPolicy, "Profile": model.KindProfile,
	"HostEndpoint": model.KindHostEndpoint, "WorkloadEndpoint": model.KindWorkloadEndpoint, "NetworkSet": model.KindNetworkSet,
	"GlobalNetworkSet": model.KindGlobalNetworkSet,
}

// TestValidatorCases reads Calico's own cases of whole resources as JSON, and in HCL when they are valid.
func TestValidatorCases(t *testing.T) {
	path := filepath.Join(dataDir(), "conformance", "validator_cases.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("the optional conformance data is not there: %v", err)
	}
	var data struct{ Cases []validatorCase }
	if err := json.Unmarshal(text, &data); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, c := range data.Cases {
		k, ok := wholeTypes[strings.TrimPrefix(c.Type, "*")]
		if !ok {
			continue
		}
		ran++
		var body map[string]json.RawMessage
		if err := json.Unmarshal(c.Input, &body); err != nil {
			t.Fatal(err)
		}
		body["apiVersion"], _ = json.Marshal(k.APIVersion())
		body["kind"], _ = json.Marshal(k.ManifestKind())
		manifest, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		resources, diags := Decode("case.json", manifest)
		if !c.Valid && strings.Contains(c.Error, "Metadata.Name") && strings.Contains(detailsOf(diags), "Calico would refuse this name") {
			continue // names are free, by decision
		}
		if diags.HasErrors() == c.Valid {
			t.Errorf("%s, %s: valid is %v; Calico says %v %s; we say %v\n%s", c.Type, c.Name, !diags.HasErrors(), c.Valid, c.Error, errorsOf(diags), manifest)
			continue
		}
		if c.Valid {
			roundTrip(t, c.Name, resources)
		}
	}
	if ran < 100 {
		t.Errorf("only %d cases are whole resources", ran)
	}
}

func roundTrip(t *testing.T, name string, resources []model.Resource) {
	t.Helper()
	for _, format := range Formats() {
		var b strings.Builder
		if err := Encode(&b, format, resources); err != nil {
			t.Fatal(err)
		}
		again, diags := Decode("again."+format, []byte(b.String()))
		if d := difference(resources, again); d != "" || diags.HasErrors() {
			t.Errorf("%s in %s: %v\n%s", name, format, errorsOf(diags), d)
		}
	}
}

func errorsOf(diags hcl.Diagnostics) []error { return diags.Errs() }

func detailsOf(diags hcl.Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		b.WriteString(d.Detail + "\n")
	}
	return b.String()
}

// dataDir is where optional test data is: RAMPART_DATA, else shared/data beside the repository.
func dataDir() string {
	if dir := os.Getenv("RAMPART_DATA"); dir != "" {
		return dir
	}
	return filepath.Join(packageDir, "..", "..", "shared", "data")
}
