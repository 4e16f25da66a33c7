package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"rampart/conf"
)

func newCheckCommand(e *env) *cobra.Command {
	var (
		files          []string
		config, output string
	)
	cmd := &cobra.Command{
		Use:   "check -f PATH... | --config FILE",
		Short: "Check policy files and the daemon's configuration",
		Long: `Check policy files, by themselves and as a whole, and report everything that is wrong with them: on standard error for
people, or with -o json on standard output for programs. Nothing is put in force.

With --config the daemon's configuration is checked and, without -f, the policy files it names.

Policies that the daemon would refuse because they exceed its limits are errors too: those of the configuration, or the
defaults, on the configuration's node, or on the one with the most endpoints.

Exit codes: 0 no errors (there may be warnings); 1 errors; 2 wrong usage.`,
		Example: `  rampart check -f /etc/rampart/policy.d
  kubectl get networkpolicies -A -o yaml | rampart check -f -`,
		ValidArgsFunction: argumentWords(),
		Args: func(cmd *cobra.Command, args []string) error {
			if err := noArgs(cmd, args); err != nil {
				return err
			}
			if len(files) == 0 && config == "" {
				return &usageError{errors.New("nothing to check; name files with -f, or a daemon configuration with --config")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := checkConfiguration(cmd.Context(), e, config, files)
			if output == "json" {
				return c.writeJSON(e)
			}
			return c.writeText(e)
		},
	}
	fileFlag(cmd, &files)
	configFlag(cmd, &config)
	outputFlag(cmd, &output, "text", "text", "json")
	return cmd
}

// checked is what a check found.
type checked struct {
	files, resources int
	config           bool
	diags            hcl.Diagnostics
	sources          map[string][]byte
}

func checkConfiguration(ctx context.Context, e *env, config string, files []string) checked {
	var c checked
	daemon := conf.DefaultDaemon()
	if config != "" {
		c.config = true
		var diags hcl.Diagnostics
		daemon, diags = conf.LoadDaemon(config)
		c.diags = append(c.diags, diags...)
		if daemon != nil && len(files) == 0 {
			files = daemon.Sources.Files
			if len(files) == 0 {
				c.diags = append(c.diags, &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: "No policy files",
					Detail: config + ` names none: add sources { files = ["policy.d"] }, or give -f to "rampart run".`})
			}
		}
	}
	if len(files) == 0 {
		return c
	}
	source := e.files(files...)
	bundle, diags := source.Load(ctx)
	for _, d := range diags {
		if n := conf.NoteOf(d); n != nil && n.Strict {
			d.Severity = hcl.DiagError
		}
	}
	if bundle != nil && daemon != nil && !diags.HasErrors() {
		diags = append(diags, checkLimits(bundle.Resources, daemon)...)
	}
	c.diags = append(c.diags, diags...)
	c.files, c.resources = source.Count()
	c.sources = source.Sources()
	return c
}

func (c *checked) count() (errs, warnings int) {
	for _, d := range c.diags {
		if d.Severity == hcl.DiagError {
			errs++
		} else {
			warnings++
		}
	}
	return errs, warnings
}

// exit is the result of the command.
func (c *checked) exit() error {
	if c.diags.HasErrors() {
		return &exitError{1}
	}
	return nil
}

func (c *checked) writeText(e *env) error {
	if err := conf.WriteDiagnostics(e.stderr, c.diags, c.sources, isTerminal(e.stderr)); err != nil {
		return err
	}
	errs, warnings := c.count()
	what := fmt.Sprintf("%s in %s", counted(c.resources, "resource"), counted(c.files, "file"))
	if c.config && c.files == 0 {
		what = "configuration"
	}
	if _, err := fmt.Fprintf(e.stdout, "%s, %s, %s\n", what, counted(errs, "error"), counted(warnings, "warning")); err != nil {
		return err
	}
	return c.exit()
}

func (c *checked) writeJSON(e *env) error {
	errs, warnings := c.count()
	enc := json.NewEncoder(e.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Files       int               `json:"files"`
		Resources   int               `json:"resources"`
		Errors      int               `json:"errors"`
		Warnings    int               `json:"warnings"`
		Diagnostics []conf.Diagnostic `json:"diagnostics"`
	}{c.files, c.resources, errs, warnings, conf.JSON(c.diags)})
	if err != nil {
		return err
	}
	return c.exit()
}

// counted is "no errors", "1 error" or "2 errors".
func counted(n int, noun string) string {
	text := amount(n, noun)
	if n == 0 {
		return "no" + text[1:]
	}
	return text
}

// amount is "0 errors", "1 error" or "2 errors".
func amount(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if y, ok := strings.CutSuffix(noun, "y"); ok {
		noun = y + "ie"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
