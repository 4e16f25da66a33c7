package conf

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostile are inputs that try to make reading take much more time or memory than their size.
func hostile() map[string]string {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 30 {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 10))
	}
	merges := "a0: &a0 {b: c}\n"
	for i := range 30 {
		merges += fmt.Sprintf("a%d: &a%d {<<: [%s], k%d: x}\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), i)
	}
	locals := "locals {\n a0 = \"xxxxxxxxxxxxxxxx\"\n"
	lists := "locals {\n a0 = [1, 2, 3]\n"
	chain := "locals {\n"
	for i := range 60 {
		locals += fmt.Sprintf(" a%d = \"%s\"\n", i+1, strings.Repeat(fmt.Sprintf("${local.a%d}", i), 10))
		lists += fmt.Sprintf(" a%d = concat(%s[])\n", i+1, strings.Repeat(fmt.Sprintf("local.a%d, ", i), 10))
	}
	for i := range 5_000 {
		chain += fmt.Sprintf(" a%d = local.a%d\n", i, i+1)
	}
	const n = 10_000
	return map[string]string{
		"brackets.yaml":        strings.Repeat("[", n),
		"braces.yaml":          strings.Repeat("{a: ", n),
		"dashes.yaml":          strings.Repeat("- ", n),
		"indents.yaml":         strings.Repeat("? ", n),
		"aliases.yaml":         bomb,
		"merges.yaml":          merges,
		"documents.yaml":       strings.Repeat("---\n", n),
		"bad-documents.yaml":   strings.Repeat("---\na\n", n/10),
		"keys.yaml":            "a:\n" + strings.Repeat("  k: 1\n", n/10),
		"unknown.yaml":         "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: a}\nspec:\n" + numbered("  key%d: 1\n", n/10),
		"comments.yaml":        strings.Repeat("# x\n", n),
		"one-line.yaml":        "a: " + strings.Repeat("x", 10*n),
		"quoted.yaml":          "a: \"" + strings.Repeat("x\n", n),
		"brackets.json":        strings.Repeat("[", n),
		"braces.json":          strings.Repeat(`{"a":`, n),
		"keys.json":            "{" + strings.Repeat(`"a":1,`, n) + `"a":1}`,
		"brackets.hcl":         "a = " + strings.Repeat("[", n),
		"braces.hcl":           strings.Repeat("a {\n", n),
		"parentheses.hcl":      "a = " + strings.Repeat("(", n),
		"templates.hcl":        "a = " + strings.Repeat(`"${`, n),
		"heredocs.hcl":         strings.Repeat("a = <<E\n${", n/10),
		"signs.hcl":            "a = " + strings.Repeat("-", n),
		"nots.hcl":             "a = " + strings.Repeat("!", n),
		"conditions.hcl":       "a = 1" + strings.Repeat(" ? 1 : 1", n),
		"operators.hcl":        "a = 1" + strings.Repeat(" + 1", n),
		"traversal.hcl":        "a = local" + strings.Repeat(".a", n),
		"splats.hcl":           "a = local" + strings.Repeat(".a[*]", n),
		"indexes.hcl":          "a = local.a" + strings.Repeat("[0]", n),
		"number.hcl":           "tier \"a\" {\n order = 1e999999999\n}\n",
		"digits.hcl":           "tier \"a\" {\n order = " + strings.Repeat("9", n) + "\n}\n",
		"locals.hcl":           locals + "}\n",
		"lists.hcl":            lists + "}\n",
		"chain.hcl":            chain + "}\n",
		"attributes.hcl":       numbered("a%d = 1\n", n/10),
		"blocks.hcl":           strings.Repeat("a {}\n", n/10),
		"join.hcl":             "locals {\n s = \"" + strings.Repeat("x", 1<<14) + "\"\n l = [" + strings.Repeat("1,", 1<<14) + "]\n j = join(local.s, local.l)\n}\n",
		"joins.hcl":            "locals {\n s = \"" + strings.Repeat("x", 1<<10) + "\"\n" + strings.Repeat("", 1) + numbered(" j%d = join(local.s, [\"\", \"\", \"\"])\n", 2000) + "}\n",
		"comments.hcl":         strings.Repeat("# x\n", n),
		"semicolons.hcl":       strings.Repeat(";", n),
		"nul.hcl":              strings.Repeat("\x00", n),
		"backslashes.hcl":      "a = \"" + strings.Repeat("\\", n),
		"dollars.hcl":          "a = \"" + strings.Repeat("$", n) + "\"",
		"many-errors.hcl":      numbered("network_policy \"a%d\" {\n x = 1\n}\n", n/20),
		"dollars-apart.hcl":    "a = \"" + strings.Repeat("$a", n) + "\"",
		"one-line-flow.yaml":   "[" + strings.Repeat("{a: [b]}, ", n) + "]",
		"one-line-umlaut.yaml": "[" + strings.Repeat("{ä: [ö]}, ", n) + "]",
		"one-line.json":        "[" + strings.Repeat(`{"a": ["b"]}, `, n) + "1]",
		"one-line.hcl":         "a = [" + strings.Repeat("[\"ä\"], ", n) + "]",
		"percent-braces.yaml":  strings.Repeat("%{", n),
	}
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestHostileInput reads inputs of up to a few megabytes that are built to explode. That they end at all, and how much
// they allocate, is what is tested.
func TestHostileInput(t *testing.T) {
	const most = 2 << 30 // allocated altogether, most of it garbage at once
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, diags := Decode(name, []byte(text))
			Format(name, []byte(text))
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > most {
				t.Errorf("%d bytes of input take %d MiB", len(text), n>>20)
			}
			if len(diags) > maxFileDiagnostics+1 {
				t.Errorf("%d diagnostics", len(diags))
			}
			t.Logf("%d bytes, %d MiB allocated, %d diagnostics", len(text), (after.TotalAlloc-before.TotalAlloc)>>20, len(diags))
		})
	}
}

// What a file holds is quoted in messages, and is as long as it likes.
func TestMessagesAreShort(t *testing.T) {
	const n = 100_000
	policy := func(fields string) string {
		return "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: a}\nspec:\n  ingress:\n  - action: Allow\n    " + fields
	}
	for what, text := range map[string]string{
		"a port":           policy("destination: {ports: ['" + strings.Repeat("x ", n) + "']}\n"),
		"ports as one":     policy("destination: {ports: '" + strings.Repeat("80, ", n) + "'}\n"),
		"a protocol":       policy("protocol: " + strings.Repeat("x", n) + "\n"),
		"an action":        policy("action: " + strings.Repeat("x", n) + "\n"),
		"a name, twice":    strings.Repeat("apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata:\n  name: "+strings.Repeat("x", n)+"\n---\n", 2),
		"a tier":           "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: a}\nspec: {tier: " + strings.Repeat("x", n) + "}\n",
		"an unknown field": policy(strings.Repeat("x", n) + ": 1\n"),
		"a kind":           "apiVersion: projectcalico.org/v3\nkind: " + strings.Repeat("x", n) + "\n",
		"no UTF-8 in half": policy("destination: {ports: ['" + strings.Repeat("é", n) + "']}\n"),
	} {
		_, diags := Decode("long.yaml", []byte(text))
		if len(diags) == 0 {
			t.Errorf("%s: nothing is wrong", what)
		}
		for _, d := range diags {
			if len(d.Detail) > maxDetail+10 || len(d.Summary) > 100 || !utf8.ValidString(d.Detail) {
				t.Errorf("%s: a summary of %d and a detail of %d bytes", what, len(d.Summary), len(d.Detail))
			}
		}
	}
}
