package conf

import (
	"bytes"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"
)

// seeds adds the files of all archives that have a format.
func seeds(f *testing.F, format string) {
	f.Helper()
	archives, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(archives) == 0 {
		f.Fatal("no archives", err)
	}
	for _, archive := range archives {
		a, err := txtar.ParseFile(archive)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			if formatOfName(file.Name) == format {
				f.Add(file.Data)
			}
		}
	}
}

// fuzzDecode makes sure that no input brings decoding down, that every diagnostic can be printed, and that what decodes
// without errors can be written and read again.
func fuzzDecode(f *testing.F, format string, more ...string) {
	seeds(f, format)
	for _, s := range more {
		f.Add([]byte(s))
	}
	name := "fuzz." + format
	f.Fuzz(func(t *testing.T, src []byte) {
		resources, diags := Decode(name, src)
		var text bytes.Buffer
		if err := WriteDiagnostics(&text, diags, map[string][]byte{name: src}, true); err != nil {
			t.Fatal(err)
		}
		for _, d := range diags {
			if r := d.Subject; r != nil && (r.Start.Line < 1 || r.Start.Column < 1 || r.End.Byte < r.Start.Byte) {
				t.Errorf("the place of %q is %+v", d.Summary, r)
			}
		}
		if diags.HasErrors() {
			return
		}
		for _, out := range Formats() {
			var written bytes.Buffer
			if err := Encode(&written, out, resources); err != nil {
				t.Fatal(err)
			}
			again, diags := Decode("again."+out, written.Bytes())
			if diags.HasErrors() {
				t.Fatalf("what was written as %s has errors: %v\n%s", out, diags.Errs(), written.String())
			}
			if d := difference(resources, again); d != "" && out != FormatHCL { // HCL brings strings into Unicode normal form
				t.Fatalf("%s (-written +read):\n%s", out, d)
			}
		}
	})
}

func FuzzDecodeHCL(f *testing.F) {
	fuzzDecode(f, FormatHCL,
		"locals { a = \"${local.b}${local.b}\"\n b = \"${local.c}${local.c}\"\n c = \"xxxxxxxx\" }",
		"tier \"a\" { order = ----------1 }", "tier \"a\" { order = ((((((((1)))))))) }", "a = <<EOT\n${\"${\"${1}\"}\"}\nEOT\n",
		"tier \"a\" { labels = { for = 1 } }", "tier \"a\" { labels = {for k, v in {a = 1} : k => v} }", "a = [for]", "a = local[local]", "a = 1e1000000000")
}

func FuzzDecodeYAML(f *testing.F) {
	fuzzDecode(f, FormatYAML,
		"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]", "? a\n: b", "a: !!binary aGk=", "%YAML 1.2\n---\na: 1", "a: |\n  b\n--- \n...\n", "[[[[[[[[",
		"- - - - - - -", "a: \"\\x41\\u00e9\"", "\ufeffa: 1", "a:\r\n  b: 1\r\n", "<<: {a: b}", "a: *a", "&a a: *a")
}

func FuzzDecodeJSON(f *testing.F) {
	fuzzDecode(f, FormatJSON, `{}{}`, `[`, `{"a":[[[[[[[]]]]]]]}`, `{"a":"\ud800"}`, `nul`, `1e999999999`)
}

func FuzzDaemon(f *testing.F) {
	for _, format := range Formats() {
		seeds(f, format)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, format := range Formats() {
			c, diags := DecodeDaemon("fuzz."+format, src)
			if (c == nil) != diags.HasErrors() {
				t.Fatalf("%s: configuration %v beside %v", format, c, diags)
			}
			if c != nil {
				if errs := c.validate(); len(errs) > 0 {
					t.Fatalf("%s: an invalid configuration is accepted: %v", format, errs)
				}
			}
		}
	})
}

// FuzzFormat makes sure that formatting changes nothing about what a file says, and that a second time changes nothing.
func FuzzFormat(f *testing.F) {
	for _, format := range Formats() {
		seeds(f, format)
	}
	f.Add([]byte("a:\n    b: |\n        # x\n          y\n\n    c: 1\n"))
	f.Add([]byte("- - a\n  -   b\n# c\n-\n  d: 1"))
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, format := range Formats() {
			name := "fuzz." + format
			out, diags := Format(name, src)
			if diags.HasErrors() {
				continue
			}
			again, diags := Format(name, out)
			if diags.HasErrors() || !bytes.Equal(out, again) {
				t.Fatalf("%s: formatted twice: %v\n%q\nonce:\n%q", format, diags, again, out)
			}
			was, wasDiags := Decode(name, src)
			is, isDiags := Decode(name, out)
			if d := difference(was, is); d != "" || wasDiags.HasErrors() != isDiags.HasErrors() {
				t.Fatalf("%s: formatting changed the meaning: %s\n%q\n%q", format, d, src, out)
			}
		}
	})
}
