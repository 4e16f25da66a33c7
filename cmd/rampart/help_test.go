package main

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// runLine runs one command line without input.
func runLine(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), &env{args: args, stdin: strings.NewReader(""), stdout: &out, stderr: &err})
	return code, out.String(), err.String()
}

func commands() []*cobra.Command {
	root := newRootCommand(&env{})
	root.InitDefaultHelpCmd()
	return append([]*cobra.Command{root}, root.Commands()...)
}

// Every help has what it is for, then the exit codes, the usage, examples and flags, in this order.
func TestHelpHasOneShape(t *testing.T) {
	codes := regexp.MustCompile(`\n\nExit codes: 0 [^;]+(; 1 [^;]+)?(; 2 (wrong usage|there is no such command))\.\n`)
	for _, c := range commands() {
		path := strings.Fields(c.CommandPath())[1:]
		code, help, stderr := runLine(append(path, "--help")...)
		if code != 0 || stderr != "" {
			t.Fatalf("%s --help: exit code %d, %s", c.Name(), code, stderr)
		}
		if !codes.MatchString(help) {
			t.Errorf("%s --help tells no exit codes:\n%s", c.Name(), help)
		}
		last := -1
		for _, part := range []string{"Exit codes: ", "\nUsage:\n", "\nExamples:\n  rampart ", "\nFlags:\n"} {
			if c.Name() == "completion" {
				part = strings.Replace(part, "  rampart ", "  source ", 1)
			}
			at := strings.Index(help, part)
			if at <= last {
				t.Errorf("%s --help lacks %q or has it elsewhere:\n%s", c.Name(), part, help)
			}
			last = at
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short description %q", c.Name(), c.Short)
		}
	}
}

// Flags of the same name are the same everywhere, and take values whose name says what they are.
func TestFlagsAreTheSameEverywhere(t *testing.T) {
	differ := map[string]string{
		"output": "formats differ", "check": "of fmt", "socket": "run has another default", "node": "run has another default",
	}
	type seen struct{ command, short, usage string }
	first := map[string]seen{}
	for _, c := range commands() {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" {
				return
			}
			value, usage := pflag.UnquoteUsage(f)
			if value != strings.ToUpper(value) {
				t.Errorf("%s --%s takes a %q", c.Name(), f.Name, value)
			}
			if f.Shorthand == "f" && f.Name != "file" || f.Shorthand == "o" && f.Name != "output" {
				t.Errorf("%s: -%s is --%s", c.Name(), f.Shorthand, f.Name)
			}
			if differ[f.Name] != "" {
				usage = ""
			}
			now := seen{c.Name(), f.Shorthand, usage}
			before, ok := first[f.Name]
			if !ok {
				first[f.Name] = now
			} else if before.short != now.short || before.usage != now.usage {
				t.Errorf("--%s of %+v and %+v differ", f.Name, before, now)
			}
		})
	}
	if first["file"].short != "f" {
		t.Errorf("there is no -f: %v", first)
	}
}

// Wrong usage exits with 2, says in one line what is wrong and in another where to read on, and writes nothing to
// standard output.
func TestWrongUsage(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"stauts", `unknown command "stauts": check, completion, convert, explain, fmt, get, help, render, run, selector, status or version; did you mean "status"?`},
		{"help stauts", `did you mean "status"?`},
		{"frobnicate", `unknown command "frobnicate": check, `},
		{"--frobnicate", "unknown flag: --frobnicate"},
		{"status --wiat 10s", "unknown flag: --wiat"},
		{"status --wait soon", `invalid argument "soon" for "--wait" flag`},
		{"status --wait -1s", "--wait -1s: the time cannot be negative"},
		{"status now", `status takes no arguments: "now"`},
		{"status -o jsn", `unknown output format "jsn": table or json; did you mean "json"?`},
		{"version 2", `version takes no arguments: "2"`},
		{"run policy.yaml", "run takes no arguments; name files with -f: -f policy.yaml"},
		{"run -f", "flag needs an argument: 'f' in -f"},
		{"run --filename x", "unknown flag: --filename"},
		{"check policy.yaml", "check takes no arguments; name files with -f: -f policy.yaml"},
		{"check", "nothing to check; name files with -f, or a daemon configuration with --config"},
		{"check -f x -o yaml", `unknown output format "yaml": text or json`},
		{"convert -f x", "which format? give -o hcl, yaml or json"},
		{"convert -f x -o yml", `unknown output format "yml": hcl, yaml or json; did you mean "yaml"?`},
		{"convert -o hcl", "nothing to convert; name files with -f"},
		{"convert -o hcl x", "convert takes no arguments; name files with -f: -f x"},
		{"fmt", "fmt needs a file, a directory, or - for standard input"},
		{"get", "get needs a kind"},
		{"get ALL web -f x", "get all takes no names"},
		{"get polcy -f x", `resource type "polcy" is not supported; did you mean "policy"?`},
		{"get deployments -f x", `resource type "deployments" is not supported; "rampart get --help" lists those that are`},
		{"get hep -n a -f x", "HostEndpoint is not a namespaced resource: leave -n out"},
		{"get np -o yml", `unknown output format "yml": table, wide, yaml, json, hcl or name; did you mean "yaml"?`},
		{"render", "nothing to render; name files with -f"},
		{"render policies", "render takes no arguments; name files with -f: -f policies"},
		{"explain", "nothing to explain with; name files with -f"},
		{"explain -f x a ingress p --engine orcale", `unknown engine "orcale": compiled or oracle; did you mean "oracle"?`},
		{"explain -f x a ingress p --hook prednat", `unknown hook "prednat": normal, forward, preDNAT or untracked; did you mean "preDNAT"?`},
		{"explain -f x --probes y -o json", "--probes writes ndjson, not json"},
		{"explain -f x a ingress p -o ndjson", "-o ndjson goes with --probes; one probe is answered as text or json"},
		{"explain -f x a", "explain needs ENDPOINT, ingress or egress, and a packet in quotes"},
		{"selector", "selector needs one expression (in quotes), or --batch"},
		{"completion", "completion needs a shell: bash, zsh, fish or powershell"},
		{"completion bsh", `unknown shell "bsh": bash, zsh, fish or powershell; did you mean "bash"?`},
		{"man", "man needs a directory"},
	} {
		code, stdout, stderr := runLine(strings.Fields(c.line)...)
		lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
		if code != 2 || stdout != "" || len(lines) != 2 || !strings.HasPrefix(lines[0], "rampart: ") || !strings.Contains(lines[0], c.want) {
			t.Errorf("rampart %s: exit code %d, standard output %q, standard error\n%s\nwant %q", c.line, code, stdout, stderr, c.want)
			continue
		}
		command := strings.TrimSuffix(strings.TrimPrefix(lines[1], `see "`), ` --help"`)
		if !slices.ContainsFunc(commands(), func(k *cobra.Command) bool { return k.CommandPath() == command }) {
			t.Errorf("rampart %s: %q names no command", c.line, lines[1])
		}
	}
}

// Without a command the program tells, on standard error, which there are.
func TestNoCommand(t *testing.T) {
	code, stdout, stderr := runLine()
	if code != 2 || stdout != "" || !strings.Contains(stderr, "Available Commands:\n  check ") || strings.Contains(stderr, "rampart [flags]") {
		t.Errorf("exit code %d, standard output %q, standard error\n%s", code, stdout, stderr)
	}
	if code, help, _ := runLine("help", "run"); code != 0 || !strings.Contains(help, "rampart run [flags]") {
		t.Errorf("help run: exit code %d\n%s", code, help)
	}
}
