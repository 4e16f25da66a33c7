package main

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rampart/conf"
)

// The installed configuration sets nothing but where the policies are, and its comments show the defaults.
func TestInstalledConfiguration(t *testing.T) {
	const path = "../../packaging/rampart.hcl"
	installed, diags := conf.LoadDaemon(path)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	want := conf.DefaultDaemon()
	want.Sources = installed.Sources
	if d := cmp.Diff(want, installed, cmpopts.EquateComparable(netip.Prefix{})); d != "" {
		t.Error(d)
	}
	// The same without the comment signs, but for the prose and the example of a node's name.
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var live strings.Builder
	for line := range strings.Lines(string(src)) {
		bare := strings.TrimPrefix(line, "# ")
		if strings.Contains(bare, " = ") || strings.HasSuffix(bare, "{\n") || strings.TrimSpace(bare) == "}" {
			live.WriteString(bare)
		}
	}
	shown, diags := conf.DecodeDaemon("shown.hcl", []byte(live.String()))
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, live.String())
	}
	want.Node = "this-host"
	want.Sources.Files = []string{"policy"}
	if d := cmp.Diff(want, shown, cmpopts.EquateComparable(netip.Prefix{})); d != "" {
		t.Errorf("a comment shows what is not the default: %s", d)
	}
}
