package conf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/tools/txtar"

	"rampart/conf/schema"
)

// TestDaemon decodes each file of an archive; "want" has what each is, or what is wrong with it. Files without errors
// must all mean the same.
func TestDaemon(t *testing.T) {
	archives, err := filepath.Glob("testdata/daemon/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, archive := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(archive)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			var same *Daemon
			for _, f := range a.Files {
				if f.Name == "want" {
					continue
				}
				c, diags := DecodeDaemon(f.Name, f.Data)
				if (c == nil) != diags.HasErrors() {
					t.Errorf("%s: configuration %v beside errors %v", f.Name, c, diags.HasErrors())
				}
				if err := WriteDiagnostics(&got, diags, nil, false); err != nil {
					t.Fatal(err)
				}
				if c == nil {
					continue
				}
				if same == nil {
					same = c
					text, err := json.MarshalIndent(c, "", "  ")
					if err != nil {
						t.Fatal(err)
					}
					fmt.Fprintf(&got, "%s\n", text)
				} else if d := cmp.Diff(same, c, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{})); d != "" {
					t.Errorf("%s differs from the first file:\n%s", f.Name, d)
				}
			}
			golden(t, archive, a, "want", got.Bytes())
		})
	}
}

func TestLoadDaemonRelativeFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rampart.hcl")
	write(t, path, []byte(`sources { files = ["policy.d", "/absolute"] }`))
	c, diags := LoadDaemon(path)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if want := []string{filepath.Join(dir, "policy.d"), "/absolute"}; !cmp.Equal(c.Sources.Files, want) {
		t.Errorf("files are %q, want %q", c.Sources.Files, want)
	}
	if _, diags := LoadDaemon(filepath.Join(dir, "none.hcl")); !diags.HasErrors() || !strings.Contains(diags.Error(), "no such file") {
		t.Errorf("a missing file gives %v", diags)
	}
}

func TestDefaultDaemonIsValid(t *testing.T) {
	if errs := DefaultDaemon().validate(); len(errs) > 0 {
		t.Error(errs)
	}
}

func TestParseFailsafePort(t *testing.T) {
	for _, tt := range []struct {
		in, want string // want "" is an error
	}{
		{"22", "tcp:22"}, {"tcp:22", "tcp:22"}, {"TCP:22", "tcp:22"}, {"udp:68", "udp:68"}, {"sctp:65535", "sctp:65535"},
		{"tcp:10.0.0.0/8:22", "tcp:10.0.0.0/8:22"}, {"tcp:10.1.2.3/8:22", "tcp:10.0.0.0/8:22"}, {"udp:[2001:db8::/32]:53", "udp:[2001:db8::/32]:53"},
		{"tcp:[::/0]:1", "tcp:[::/0]:1"},
		{"", ""}, {":", ""}, {"tcp", ""}, {"tcp:", ""}, {"tcp:0", ""}, {"tcp:65536", ""}, {"tcp:-1", ""}, {"icmp:1", ""}, {"6:22", ""}, {"10.0.0.0/8:22", ""},
		{"tcp:10.0.0.1:22", ""}, {"tcp:2001:db8::/32:22", ""}, {"tcp:[10.0.0.0/8]:22", ""}, {"tcp::22", ""}, {"tcp:[]:22", ""}, {"tcp:[::ffff:1.2.3.4/100]:1", ""},
	} {
		got, err := ParseFailsafePort(tt.in)
		switch {
		case tt.want == "" && err == nil:
			t.Errorf("%q is read as %v, want an error", tt.in, got)
		case tt.want != "" && (err != nil || got.String() != tt.want):
			t.Errorf("%q is read as %v, %v, want %s", tt.in, got, err, tt.want)
		}
		if again, err2 := ParseFailsafePort(got.String()); err == nil && (err2 != nil || again != got) {
			t.Errorf("%v is read back as %v, %v", got, again, err2)
		}
	}
}

// TestDaemonIsDocumented fails when a setting is missing from the documentation.
func TestDaemonIsDocumented(t *testing.T) {
	const page = "../docs/configuration.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range settings() {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("%s does not describe %s", page, name)
		}
	}
}

// settings are the names of all settings, those in blocks without the block's name.
func settings() []string {
	var names []string
	for _, name := range schema.Names(&Daemon{}, true, "") {
		inner, _ := schema.FieldNames(&Daemon{}, name, true, "")
		names = append(append(names, name), inner...)
	}
	return names
}
