package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"rampart/conf"
	"rampart/engine/api"
)

func newStatusCommand(e *env) *cobra.Command {
	var (
		socket, output string
		wait           time.Duration
	)
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what the daemon has in force",
		Long: `Show the program in force, the state of the sources, the last error with its place, and each policy's state: whether it
has an effect, and if not, why.

Exit codes: 0 a program is in force; 1 none is, or no daemon is running; 2 wrong usage.`,
		Example: `  rampart status
  rampart status --wait 10s
  rampart status -o json | jq .program.generation`,
		ValidArgsFunction: argumentWords(),
		Args:              noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if wait < 0 {
				return usagef("--wait %s: the time cannot be negative", wait)
			}
			s, err := waitForProgram(cmd.Context(), api.NewClient(socket), wait)
			if err != nil {
				return err
			}
			if output == "json" {
				enc := json.NewEncoder(e.stdout)
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "  ")
				err = enc.Encode(s)
			} else {
				err = writeStatus(e.stdout, s, time.Now())
			}
			if err != nil {
				return err
			}
			if s.State != api.InForce {
				fmt.Fprintln(e.stderr, "rampart: "+notInForce(s))
				return &exitError{1}
			}
			return nil
		},
	}
	socketFlag(cmd, &socket)
	outputFlag(cmd, &output, "table", "table", "json")
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait up to `TIME`, as in 10s, for a program to be in force")
	return cmd
}

// pollInterval is how often --wait asks.
const pollInterval = 50 * time.Millisecond

// waitForProgram asks until a program is in force or the time is up, and returns the last answer.
func waitForProgram(ctx context.Context, c *api.Client, wait time.Duration) (*api.Status, error) {
	deadline := time.Now().Add(wait)
	for {
		s, err := c.Status(ctx, true)
		if err == nil && s.State == api.InForce || !time.Now().Before(deadline) {
			return s, err
		}
		if err != nil && !errors.Is(err, api.ErrNoDaemon) {
			return nil, err
		}
		select {
		case <-time.After(pollInterval):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func notInForce(s *api.Status) string {
	text := fmt.Sprintf("no program is in force (%s)", s.State)
	if s.LastError != nil {
		text += ": " + s.LastError.Message
	}
	return text
}

// writeStatus prints a status for people. Times are told as ages.
func writeStatus(w io.Writer, s *api.Status, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, oneLine(fmt.Sprintf(format, args...)))
	}
	row("state", "%s", s.State)
	row("node", "%s", s.Node)
	row("daemon", "version %s, process %d, up %s", s.Version, s.PID, age(now, s.Started))
	if v := versionText(); s.Version != v {
		row("", "this command has version %s", v)
	}
	if p := s.Program; p != nil {
		row("generation", "%d, in force for %s", p.Generation, age(now, p.Applied))
		row("hash", "%s", p.Hash)
		n := p.Counts
		row("counts", "%s, %s (%d active, %d inactive), %s, %s, %s, %s", amount(n.Endpoints, "endpoint"), amount(n.Policies, "policy"),
			n.ActivePolicies, n.InactivePolicies, amount(n.Profiles, "profile"), amount(n.Rules, "rule"), amount(n.Sets, "set"),
			amount(n.Resources, "resource"))
		if len(p.SavedState) > 0 {
			row("saved state", "in use for %s, which could not be read", strings.Join(p.SavedState, ", "))
		}
	}
	if p := s.Pending; p != nil {
		row("pending", "generation %d, refused %s, next try in %s: %s", p.Generation, amount(p.Attempts, "time"), age(p.NextTry, now), p.Error)
	}
	for _, src := range s.Sources {
		row("source", "%s: %s", src.Name, describeSource(src, now))
		for _, d := range src.Diagnostics {
			row("", "%s: %s", d.Severity, d)
		}
	}
	for _, b := range s.Backends {
		row("backend", "%s: %s", b.Name, describeBackend(b, now))
		for _, line := range b.Details {
			row("", "%s", line)
		}
	}
	if c := s.Connections; c != nil {
		row("connections", "%s", describeConnections(c, now))
	}
	for _, text := range s.Warnings {
		row("warning", "%s", text)
	}
	if f := s.LastError; f != nil {
		row("last error", "%s ago, %s: %s", age(now, f.Time), f.Where, f.Message)
	}
	if err := t.Flush(); err != nil || len(s.Policies) == 0 {
		return err
	}
	return writePolicies(w, s.Policies)
}

// oneLine makes a line of a message, which may quote what a policy file holds.
func oneLine(s string) string { return conf.Printable(strings.ReplaceAll(s, "\n", "; ")) }

func describeSource(s api.Source, now time.Time) string {
	switch s.State {
	case api.SourceReading:
		return "being read"
	case api.SourceAbsent:
		return "not usable, and nothing is saved of it"
	case api.SourceSaved:
		return fmt.Sprintf("not usable; in use is the saved state: %s, revision %s", amount(s.Resources, "resource"), s.Revision)
	case api.SourceFailed:
		return fmt.Sprintf("not usable; in use is what was read %s ago: %s, revision %s", age(now, s.Loaded), amount(s.Resources, "resource"), s.Revision)
	}
	return fmt.Sprintf("%s, %s, revision %s, read %s ago", s.State, amount(s.Resources, "resource"), s.Revision, age(now, s.Loaded))
}

func describeBackend(b api.Backend, now time.Time) string {
	text := string(b.State)
	if b.State == api.BackendOK {
		text += ", " + amount(b.Objects, "object")
	}
	if b.Drifts > 0 {
		text += fmt.Sprintf(", %s repaired (last: %s)", amount(b.Drifts, "foreign change"), b.LastDrift)
	}
	if b.Error != "" {
		text += fmt.Sprintf(", next try in %s: %s", age(b.NextTry, now), b.Error)
	}
	return text
}

func describeConnections(c *api.Connections, now time.Time) string {
	if c.Checked.IsZero() {
		return "none cut so far"
	}
	text := fmt.Sprintf("%d cut by changes of policy", c.Cut)
	if c.Restored > 0 {
		text += fmt.Sprintf(", %d of them allowed again", c.Restored)
	}
	text += fmt.Sprintf("; last looked at %d open ones %s ago for generation %d and cut %d", c.Tracked, age(now, c.Checked), c.Generation, c.LastCut)
	if c.Error != "" {
		text += ", not completely: " + c.Error
	}
	return text
}

func writePolicies(w io.Writer, policies []api.Policy) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nKIND\tNAMESPACE\tNAME\tTIER\tSTATE\tENDPOINTS\tORIGIN\tREASON")
	for _, p := range policies {
		state := "active"
		if !p.Active {
			state = "inactive"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", p.Kind, dash(p.Namespace), p.Name, p.Tier, state, p.Endpoints,
			dash(p.Origin), dash(oneLine(strings.Join(p.Reasons, "; "))))
	}
	return t.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// age is the time from then to now, short.
func age(now, then time.Time) string {
	d := max(now.Sub(then), 0)
	switch {
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < 48*time.Hour:
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
