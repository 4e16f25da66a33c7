package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"rampart/engine/eval"
	"rampart/model"
)

// writeWalk prints an explanation for people: what was looked at, in order, and why it did or did not decide.
func writeWalk(w io.Writer, walk eval.Walk) error {
	var b bytes.Buffer
	pr := &walk.Probe
	fmt.Fprintf(&b, "%s\n%s at %s%s\n", pr.Packet, hookText(pr), pr.Endpoint, at(walk.Endpoint))
	for _, t := range walk.Tiers {
		fmt.Fprintf(&b, "\ntier %s", t.Name)
		if t.Missing {
			b.WriteString(" (does not exist)")
		}
		b.WriteByte('\n')
		for _, p := range t.Policies {
			staged := ""
			if p.Staged {
				staged = " (staged, not enforced)"
			}
			fmt.Fprintf(&b, "  policy %s%s%s: %s\n", p.Policy, at(p.Origin), staged, p.Outcome)
			writeRules(&b, p.Rules)
		}
		fmt.Fprintf(&b, "  => %s\n", t.Outcome)
	}
	for _, p := range walk.Profiles {
		fmt.Fprintf(&b, "\nprofile %s%s: %s\n", p.Name, at(p.Origin), p.Outcome)
		if !p.Missing {
			writeRules(&b, p.Rules)
		}
	}
	if walk.End != "" {
		fmt.Fprintf(&b, "\n%s\n", walk.End)
	}
	b.WriteByte('\n')
	verdictLines(&b, walk)
	_, err := w.Write(b.Bytes())
	return err
}

// writeVerdict prints only the verdict.
func writeVerdict(w io.Writer, walk eval.Walk) error {
	var b bytes.Buffer
	pr := &walk.Probe
	fmt.Fprintf(&b, "%s\n%s at %s\n\n", pr.Packet, hookText(pr), pr.Endpoint)
	verdictLines(&b, walk)
	_, err := w.Write(b.Bytes())
	return err
}

func verdictLines(b *bytes.Buffer, walk eval.Walk) {
	v := &walk.Verdict
	fmt.Fprintf(b, "verdict: %s, by %s%s\n", v.Decision, v.DecidedBy, at(eval.Place{Origin: v.Origin}))
	if len(v.Logged) > 0 {
		fmt.Fprintf(b, "logged: %s\n", strings.Join(v.Logged, ", "))
	}
	if p := walk.Pending; p != nil {
		fmt.Fprintf(b, "with staged policies: %s, by %s%s\n", p.Verdict, p.DecidedBy, at(p.Origin))
	}
}

func hookText(pr *model.Probe) string {
	d := strings.ToLower(string(pr.Direction))
	if pr.Layer == model.LayerNormal {
		return d
	}
	return fmt.Sprintf("%s, hook %s,", d, pr.Layer)
}

// at is " (file:line)", or "" for what no file holds.
func at(p eval.Place) string {
	if s := p.String(); s != "" {
		return " (" + s + ")"
	}
	return ""
}

func writeRules(b *bytes.Buffer, rules []eval.RuleStep) {
	tw := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, r := range rules {
		why := r.Why
		if r.Matched {
			why = "matches"
		}
		fmt.Fprintf(tw, "    [%d]\t%s\t%s\t%s\n", r.Index, r.Action, r.Origin, why)
	}
	if len(rules) == 0 {
		fmt.Fprintln(tw, "    no rules for this direction")
	}
	tw.Flush()
}
