package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSelectorCommand(t *testing.T) {
	batch := filepath.Join(t.TempDir(), "batch.ndjson")
	if err := os.WriteFile(batch, []byte(`{"selector":"has(a)","labels":[{"a":""}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		stdin  string
		stdout string
		stderr string
		code   int
	}{
		{args: []string{"role  in {'web','db', 'web'} && !has(x)"}, stdout: "valid\ncanonical: (role in {\"db\", \"web\"} && !has(x))\n"},
		{args: []string{""}, stdout: "valid\ncanonical: all()\n"},
		{args: []string{"role == 'db'", "--labels", "role=db,zone=a"}, stdout: "valid\ncanonical: role == \"db\"\nmatches: true\n"},
		{args: []string{"role == 'db'", "--labels", "role=web"}, stdout: "valid\ncanonical: role == \"db\"\nmatches: false\n"},
		{args: []string{"role != 'db'", "--labels", ""}, stdout: "valid\ncanonical: role != \"db\"\nmatches: true\n"},
		{args: []string{"a == 'é' && role = 'db'"}, code: 1, stderr: "rampart: invalid selector, column 18: \"=\" is not an operator: write \"==\"\n" +
			"  a == 'é' && role = 'db'\n" +
			"                   ^\n"},
		{args: []string{"a == '" + strings.Repeat("x", 1024) + "'"}, code: 1,
			stderr: "rampart: invalid selector, column 1025: may not be more than 1024 bytes\n"},
		{args: []string{"-o", "json", "role == 'db' && all()"}, stdout: `{"valid":true,"canonical":"(role == \"db\" && all())","matches":[]}` + "\n"},
		{args: []string{"-o", "json", "role"}, code: 1,
			stdout: `{"valid":false,"error":"expected an operator after label \"role\"; to ask for the label alone write has(role)","column":5}` + "\n"},
		{args: []string{"--batch", "-", "-o", "ndjson"},
			stdin: `{"selector":"role == 'db'","labels":[{"role":"db"},{}]}` + "\n\n" +
				`{"selector":"a == 'b' && "}` + "\n" + `{"selector":"a=='b' && c<'d'","labels":[]}`,
			stdout: `{"valid":true,"canonical":"role == \"db\"","matches":[true,false]}` + "\n" +
				`{"valid":false,"error":"the selector ends where a condition was expected","column":13}` + "\n" +
				`{"valid":false,"error":"expected ==, !=, in, not in, contains, starts with or ends with after label \"c\", found '<'","column":12}` + "\n"},
		{args: []string{"--batch", batch}, stdout: `{"valid":true,"canonical":"has(a)","matches":[true]}` + "\n"},
		{args: []string{"--batch", "-"}, stdin: "{\"selector\":\"all()\"}\n{\"selector\":7}\n", code: 1,
			stdout: `{"valid":true,"canonical":"all()","matches":[]}` + "\n",
			stderr: "rampart: line 2: selector: a number is not allowed here\n"},
		{args: []string{"--batch", "/nonexistent"}, code: 1, stderr: "rampart: open /nonexistent: no such file or directory\n"},
		{args: nil, code: 2, stderr: "rampart: selector needs one expression (in quotes), or --batch\n"},
		{args: []string{"a", "==", "b"}, code: 2, stderr: "rampart: selector needs one expression (in quotes), or --batch\n"},
		{args: []string{"all()", "--batch", "-"}, code: 2, stderr: "rampart: selector takes an expression or --batch, not both\n"},
		{args: []string{"--batch", "-", "-o", "text"}, code: 2, stderr: "rampart: --batch writes ndjson, not text\n"},
		{args: []string{"all()", "-o", "xml"}, code: 2, stderr: "rampart: unknown output format \"xml\": text, json or ndjson\n"},
		{args: []string{"all()", "--labels", "a"}, code: 2, stderr: "rampart: --labels: \"a\" is not of the form k=v\n"},
	} {
		var stdout, stderr bytes.Buffer
		if c.code == 2 {
			c.stderr += "see \"rampart selector --help\"\n"
		}
		code := run(context.Background(), &env{args: append([]string{"selector"}, c.args...), stdin: strings.NewReader(c.stdin), stdout: &stdout, stderr: &stderr})
		if diff := cmp.Diff([]any{c.code, c.stdout, c.stderr}, []any{code, stdout.String(), stderr.String()}); diff != "" {
			t.Errorf("selector %q (-want +got):\n%s", c.args, diff)
		}
	}
}
