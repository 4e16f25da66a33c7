package kernel

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"rampart/bench/lab"
	"rampart/conf"
	"rampart/engine/ir"
	"rampart/model"
)

// rowOptions are the daemon's settings that rows start from: no failsafe port, so that none hides a policy.
func rowOptions() ir.Options {
	return ir.Options{WorkloadPrefixes: []string{"cali"}, EndpointToHost: model.Deny, LogGroup: 1, LogPrefix: "rampart"}
}

// row is one file of testdata/rows: a policy and the packets that prove it.
type row struct {
	name      string
	resources []model.Resource
	options   ir.Options
	shots     []Shot
}

func readRow(t *testing.T, path string) row {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := row{name: strings.TrimSuffix(filepath.Base(path), ".txtar"), options: rowOptions(), resources: baseResources(t)}
	for _, f := range archive.Files {
		switch f.Name {
		case "policy.yaml":
			r.resources = override(r.resources, decode(t, path, f.Data))
		case "options.json":
			if err := json.Unmarshal(f.Data, &r.options); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		case "packets":
			if r.shots, err = ParseShots(Links(), string(f.Data)); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		default:
			t.Fatalf("%s: unknown part %s", path, f.Name)
		}
	}
	return r
}

// baseResources are what every row starts from.
func baseResources(t *testing.T) []model.Resource {
	t.Helper()
	b, err := os.ReadFile("testdata/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, "base.yaml", b)
}

func decode(t *testing.T, name string, src []byte) []model.Resource {
	t.Helper()
	if filepath.Ext(name) == ".txtar" {
		name += ".yaml"
	}
	resources, diags := conf.Decode(name, src)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", name, diags)
	}
	return resources
}

// override replaces resources that are given again.
func override(base, more []model.Resource) []model.Resource {
	given := map[model.Key]bool{}
	for _, r := range more {
		given[r.Key()] = true
	}
	var out []model.Resource
	for _, r := range base {
		if !given[r.Key()] {
			out = append(out, r)
		}
	}
	return append(out, more...)
}

// Every row of the policy model: what its file says of each packet is what the oracle says and what the kernel does,
// however policies are lowered.
func TestRows(t *testing.T) {
	paths, err := filepath.Glob("testdata/rows/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no rows: %v", err)
	}
	links, top, prober := newLab(t)
	for name, group := range lowerings() {
		fw := firewallWith(t, top, group)
		for _, path := range paths {
			r := readRow(t, path)
			t.Run(r.name+"/"+name, func(t *testing.T) {
				fw.apply(t, r.resources, r.options)
				r.try(t, links, prober)
			})
		}
		if err := fw.backend.Clear(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// try sends the row's packets.
func (r *row) try(t *testing.T, links []lab.Link, prober *lab.Prober) {
	t.Helper()
	path := NewPath(r.resources, Node, Interfaces(links), r.options)
	var wires []Wire
	for _, s := range r.shots {
		wires = append(wires, s.Wire)
	}
	arrived, err := prober.Send(probesOf(wires)...)
	if err != nil {
		t.Fatal(err)
	}
	count := map[bool]int{}
	for i, s := range r.shots {
		count[s.Pass]++
		want := ""
		if s.Pass {
			want = s.To
		}
		what := fmt.Sprintf("%s\n  %v", s.Line, s.Packet)
		outcome, err := path.Walk(s.In, s.Out, s.Packet)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if outcome.Arrives != s.Pass {
			t.Errorf("%s: the oracle disagrees:\n%s", what, outcome)
		}
		if arrived[i] != want {
			t.Errorf("%s: arrived at %q, want %q\n%s", what, arrived[i], want, outcome)
		}
	}
	if count[true] == 0 || count[false] == 0 {
		t.Errorf("%d packets must pass and %d be dropped; a row needs both", count[true], count[false])
	}
}
