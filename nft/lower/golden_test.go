package lower_test

import (
	"context"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"rampart/conf"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/lower"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden compiles policy.yaml of each file in testdata and compares the table with want.nft. The comment above the
// first file says what the case is about; a line "options: …" in it changes settings.
func TestGolden(t *testing.T) {
	dir, err := filepath.Abs("testdata") // compileYAML goes elsewhere
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { golden(t, path) })
	}
}

func golden(t *testing.T, path string) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l := lower.Lower(compileYAML(t, section(a, "policy.yaml"), goldenOptions(t, string(a.Comment))), lower.Options{})
	if err := l.Validate(); err != nil {
		t.Error(err)
	}
	got := l.Text()
	if *update {
		i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == "want.nft" })
		if i < 0 {
			a.Files = append(a.Files, txtar.File{Name: "want.nft"})
			i = len(a.Files) - 1
		}
		a.Files[i].Data = []byte(got)
		if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(string(section(a, "want.nft")), got); d != "" {
		t.Errorf("want (-), got (+); -update accepts:\n%s", d)
	}
}

func section(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

// compileYAML compiles the resources for node n1, as if they stood in a file policy.yaml.
func compileYAML(t *testing.T, yaml []byte, opts ir.Options) *ir.Program {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("policy.yaml", yaml, 0o600); err != nil {
		t.Fatal(err)
	}
	bundle, diags := conf.Files("policy.yaml").Load(context.Background())
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return compile.Compile(store.ViewOf(bundle.Resources...), compile.Host{Node: "n1"}, opts)
}

// goldenOptions are the settings of a case: words after "options:".
func goldenOptions(t *testing.T, comment string) ir.Options {
	o := ir.Options{
		WorkloadPrefixes: []string{"cali"}, EndpointToHost: model.Deny, LogGroup: 5, LogPrefix: "rampart",
		FailsafeIn: []ir.Failsafe{
			{Protocol: model.ProtoTCP, Port: 22}, {Protocol: model.ProtoTCP, Port: 6443, Net: netip.MustParsePrefix("192.0.2.0/24")},
			{Protocol: model.ProtoTCP, Port: 6443, Net: netip.MustParsePrefix("2001:db8::/32")},
		},
		FailsafeOut: []ir.Failsafe{{Protocol: model.ProtoUDP, Port: 53}},
	}
	for _, line := range strings.Split(comment, "\n") {
		words, ok := strings.CutPrefix(line, "options:")
		if !ok {
			continue
		}
		for _, w := range strings.Fields(words) {
			switch w {
			case "reject":
				o.Reject = true
			case "keep-invalid":
				o.KeepInvalid = true
			case "to-host-allow":
				o.EndpointToHost = model.Allow
			case "log-rate":
				o.LogRate = 20
			case "no-failsafe":
				o.FailsafeIn, o.FailsafeOut = nil, nil
			default:
				t.Fatalf("unknown option %q", w)
			}
		}
	}
	return o
}
