package conf

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rampart/bench/gen"
	"rampart/model"
)

// difference compares resources, but not where they were written.
func difference(a, b []model.Resource) string {
	return cmp.Diff(a, b, cmpopts.EquateEmpty(), cmpopts.IgnoreTypes(model.Origin{}),
		cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}, model.Net{}))
}

// TestRoundTrip writes random resources in every format and reads them back.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(20) {
		want := gen.World(seed, gen.DefaultConfig())
		for _, format := range Formats() {
			var text bytes.Buffer
			if err := Encode(&text, format, want); err != nil {
				t.Fatal(err)
			}
			got, diags := Decode("world."+format, text.Bytes())
			if diags.HasErrors() {
				t.Fatalf("seed %d, %s: %v", seed, format, diags)
			}
			if d := difference(want, got); d != "" {
				t.Fatalf("seed %d, %s (-written +read):\n%s", seed, format, d)
			}
			var again bytes.Buffer
			if err := Encode(&again, format, got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(text.Bytes(), again.Bytes()) {
				t.Fatalf("seed %d: %s is written differently the second time", seed, format)
			}
		}
	}
}

// TestRoundTripStrings puts every awkward string into an annotation and a label.
func TestRoundTripStrings(t *testing.T) {
	awkward := []string{
		"", " ", "y", "No", "true", "null", "~", "1", "1.5", "0x10", "010", "1e3", "12:30", "2026-01-01", "-", "- a", "a: b", "a #b", "a:",
		"#a", "'", "''", `"`, `\`, `\n`, "a\nb\n", "\t", " a", "a ", "${a}", "%{a}", "$${", "$", "%%", "{{}}", "[x]", "*a", "&a", "!a", "|", ">",
		"@", "`", "é", "日本", "\u0085", "\u2028", "\ufeff", "\x7f", "\x01", "\U0001f600", "<<", "=", "? a", "---", "...", "10.0.0.1", "::1", "10.0.0.0/8",
	}
	for _, s := range awkward {
		for _, format := range Formats() {
			p := model.New(model.KindNetworkPolicy).(*model.Policy)
			p.Metadata = model.Metadata{Name: "p", Namespace: "n", Annotations: map[string]string{"a": s, "b/" + s: "x"}}
			p.Spec.Ingress = []model.Rule{{Action: model.Allow, HTTP: &model.HTTPMatch{Methods: []string{s, "GET"}}}}
			var text bytes.Buffer
			if err := Encode(&text, format, []model.Resource{p}); err != nil {
				t.Fatal(err)
			}
			got, diags := Decode("p."+format, text.Bytes())
			for _, d := range diags {
				if d.Summary == "Wrong type" || d.Summary == "Ambiguous value" || d.Summary == "Invalid YAML" || d.Summary == "Invalid JSON" {
					t.Errorf("%q in %s: %v\n%s", s, format, d, text.String())
				}
			}
			if d := difference([]model.Resource{p}, got); d != "" {
				t.Errorf("%q in %s (-written +read):\n%s%s", s, format, d, text.String())
			}
		}
	}
}

func FuzzRoundTripStrings(f *testing.F) {
	f.Add("a: b", "role == 'x'")
	f.Add("${x}", "!has(a)")
	f.Fuzz(func(t *testing.T, a, b string) {
		p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
		p.Metadata = model.Metadata{Name: "p", Annotations: map[string]string{"a": a}}
		p.Spec.Selector = b
		for _, format := range []string{FormatYAML, FormatJSON} { // HCL brings strings into Unicode normal form
			var text bytes.Buffer
			if err := Encode(&text, format, []model.Resource{p}); err != nil {
				t.Fatal(err)
			}
			got, _ := Decode("p."+format, text.Bytes())
			if d := difference([]model.Resource{p}, got); d != "" && validText(a) && validText(b) {
				t.Errorf("%s (-written +read):\n%s%s", format, d, text.String())
			}
		}
	})
}

// validText tells what a file can hold: UTF-8 without the replacement character, which stands for what is not.
func validText(s string) bool {
	for _, r := range s {
		if r == '\ufffd' {
			return false
		}
	}
	return true
}
