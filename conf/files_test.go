package conf

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rampart/model"
)

func load(t *testing.T, s *FileSource) *model.Bundle {
	t.Helper()
	b, diags := s.Load(context.Background())
	if diags.HasErrors() {
		t.Fatal(diags.Errs())
	}
	return b
}

func TestLoadKeepsWhatDidNotChange(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), append(append(tier("a"), "---\n"...), tier("b")...))
	write(t, filepath.Join(dir, "c.hcl"), []byte(`tier "c" {}`))
	s := Files(dir)
	first := load(t, s)
	again := load(t, s)
	if first.Revision != again.Revision {
		t.Error("the revision changed without a change")
	}
	for i := range first.Resources {
		if first.Resources[i] != again.Resources[i] {
			t.Errorf("%s is decoded again without a change", first.Resources[i].Key())
		}
	}
	write(t, filepath.Join(dir, "a.yaml"), append(append(tier("a"), "---\n"...), tier("x")...))
	changed := load(t, s)
	if changed.Revision == first.Revision {
		t.Error("the revision did not change with the content")
	}
	for i, same := range []bool{true, false, true} {
		if (first.Resources[i] == changed.Resources[i]) != same {
			t.Errorf("resource %d: kept %v, want %v", i, !same, same)
		}
	}
	write(t, filepath.Join(dir, "a.yaml"), append([]byte("# moved\n"), append(append(tier("a"), "---\n"...), tier("x")...)...))
	if moved := load(t, s); moved.Resources[0].Source().Line != 2 {
		t.Errorf("a resource that moved down a line is at line %d", moved.Resources[0].Source().Line)
	}
}

func TestLoadIsNeverPartial(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), tier("a"))
	write(t, filepath.Join(dir, "b.yaml"), []byte("{"))
	if b, diags := Files(dir).Load(context.Background()); b != nil || !diags.HasErrors() {
		t.Errorf("a bad file gives %v, %v", b, diags)
	}
	if b, diags := Files(dir, filepath.Join(dir, "none")).Load(context.Background()); b != nil || len(diags) != 2 {
		t.Errorf("a missing path gives %v, %v", b, diags)
	}
	must(t, os.Remove(filepath.Join(dir, "b.yaml")))
	if b, diags := Files(filepath.Join(dir, "none"), dir).Load(context.Background()); b != nil || !strings.Contains(diags.Error(), "no such file") {
		t.Errorf("a missing path gives %v, %v", b, diags)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if b, diags := Files(dir).Load(ctx); b != nil || !diags.HasErrors() {
		t.Errorf("an interrupted load gives %v, %v", b, diags)
	}
}

func TestLoadStdin(t *testing.T) {
	for _, tt := range []struct{ format, text string }{
		{"YAML", "# comment\n\napiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: a}\n"},
		{"HCL", "# comment\n\ntier \"a\" {}\n"},
		{"HCL with locals first", "// comment\nlocals {\n  a = 1\n}\ntier \"a\" {}\n"},
		{"JSON", "\n {\"apiVersion\": \"projectcalico.org/v3\", \"kind\": \"Tier\", \"metadata\": {\"name\": \"a\"}}"},
	} {
		s := FilesWith(FileOptions{Stdin: strings.NewReader(tt.text)}, "-", "-")
		for range 2 { // standard input can be read only once
			b := load(t, s)
			if len(b.Resources) != 1 || b.Resources[0].Source().File != Stdin {
				t.Errorf("%s: %v", tt.format, b.Resources)
			}
		}
	}
}

func TestLoadOnce(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	write(t, file, tier("a"))
	if b := load(t, Files(dir, file, dir+"/", "."+strings.Repeat("/..", 20)+file)); len(b.Resources) > 2 {
		t.Errorf("a file named several times gives %d resources", len(b.Resources))
	}
}

// A directory that is empty beside another is a warning. No policy file at all is an error, so that a directory that is not
// mounted does not end all policy, nor is a file without content, so that a full disk does not; a comment says that it is meant.
func TestEmptyDirectory(t *testing.T) {
	empty, full := t.TempDir(), t.TempDir()
	write(t, filepath.Join(full, "a.yaml"), tier("a"))
	b, diags := Files(empty, full).Load(context.Background())
	if b == nil || len(diags) != 1 || diags.HasErrors() {
		t.Errorf("an empty directory beside another gives %v, %v", b, diags)
	}
	b, diags = Files(empty).Load(context.Background())
	if b != nil || len(diags) != 1 || !strings.Contains(diags.Error(), "nothing but a comment") {
		t.Errorf("an empty directory gives %v, %v", b, diags)
	}
	file := filepath.Join(empty, "none.yaml")
	write(t, file, nil)
	if b, diags := Files(empty).Load(context.Background()); b != nil || !strings.Contains(diags.Error(), "has no content") {
		t.Errorf("a directory with an empty file gives %v, %v", b, diags)
	}
	write(t, file, []byte("# none\n"))
	if b, diags := Files(empty).Load(context.Background()); b == nil || diags.HasErrors() || len(b.Resources) != 0 {
		t.Errorf("a directory with a comment gives %v, %v", b, diags)
	}
}

// A link to what is not there is an error: its policies would vanish from the rest.
func TestLinkThatLeadsNowhere(t *testing.T) {
	for _, name := range []string{"b.yaml", "team"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "a.yaml"), tier("a"))
		must(t, os.Symlink(filepath.Join(dir, "gone"), filepath.Join(dir, name)))
		if b, diags := Files(dir).Load(context.Background()); b != nil || !strings.Contains(diags.Error(), name+": no such file") {
			t.Errorf("%s leads nowhere: %v, %v", name, b, diags)
		}
	}
}

func TestNotUTF8(t *testing.T) {
	_, diags := Decode("a.yaml", []byte("ok: 1\nbad: \"\xff\"\n"))
	if len(diags) != 1 || diags[0].Subject.Start.Line != 2 || diags[0].Subject.Start.Column != 7 {
		t.Errorf("%v", diags)
	}
}

// endpoints is a YAML file with n workload endpoints.
func endpoints(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata:
  name: node1-k8s-pod--%[1]d-eth0
  namespace: production
  labels:
    role: frontend
    app: web-%[1]d
spec:
  orchestrator: k8s
  node: node1
  pod: pod-%[1]d
  endpoint: eth0
  ipNetworks:
  - 10.%[2]d.%[3]d.%[4]d/32
  profiles:
  - projectcalico-default-allow
  interfaceName: cali%[1]d
  ports:
  - name: http
    protocol: TCP
    port: 80
`, i, i>>16, i>>8&255, i&255)
	}
	return b.Bytes()
}

func BenchmarkLoad(b *testing.B) {
	dir := b.TempDir()
	text := endpoints(10_000)
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), text, 0o644); err != nil {
		b.Fatal(err)
	}
	b.Run("everything", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if bundle, diags := Files(dir).Load(context.Background()); bundle == nil {
				b.Fatal(diags.Errs())
			}
		}
	})
	b.Run("nothing new", func(b *testing.B) {
		s := Files(dir)
		s.Load(context.Background())
		for b.Loop() {
			s.Load(context.Background())
		}
	})
	b.Run("one document new", func(b *testing.B) {
		s := Files(dir)
		s.Load(context.Background())
		for i := 0; b.Loop(); i++ {
			role := "frontend"
			if i%2 == 0 {
				role = "backend0"
			}
			changed := bytes.Replace(text, []byte("frontend"), []byte(role), 1)
			if err := os.WriteFile(filepath.Join(dir, "a.yaml"), changed, 0o644); err != nil {
				b.Fatal(err)
			}
			s.Load(context.Background())
		}
	})
}

// TestCrossFindingInStdin has a warning about what cannot be read again from where it came.
func TestCrossFindingInStdin(t *testing.T) {
	text := "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: p}\nspec:\n  tier: nowhere\n"
	s := FilesWith(FileOptions{Stdin: strings.NewReader(text)}, "-")
	_, diags := s.Load(context.Background())
	if len(diags) != 1 || diags[0].Subject.Start.Line != 5 {
		t.Errorf("a policy in a tier that does not exist gives %v", diags)
	}
	if string(s.Sources()[Stdin]) != text {
		t.Errorf("the text is gone: %q", s.Sources())
	}
}

// TestSourcesOfChangedFile asks for the text of a file that is no longer what was loaded.
func TestSourcesOfChangedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.yaml")
	write(t, file, tier("a"))
	s := Files(file)
	load(t, s)
	if string(s.Sources()[file]) != string(tier("a")) {
		t.Errorf("the text is %q", s.Sources()[file])
	}
	write(t, file, tier("b"))
	if src, ok := s.Sources()[file]; ok {
		t.Errorf("the text of another version is given: %q", src)
	}
}
