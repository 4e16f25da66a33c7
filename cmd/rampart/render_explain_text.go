package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// write prints an explanation as text or JSON.
func (x *explanation) write(w io.Writer, output string) error {
	if output == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(x)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "node %s, lowering %s\n", x.Node, x.Lowering)
	for i := range x.Groups {
		x.Groups[i].writeTo(&b)
	}
	t := &x.Table
	fmt.Fprintf(&b, "\nthe table, with what is around policy: %s, %s, %s, %s, about %s of kernel memory\n", counted(t.Chains, "chain"), counted(t.Rules, "rule"),
		fmt.Sprintf("%d sets and maps", t.Sets), counted(t.Elements, "element"), amountOfMemory(t.Memory))
	_, err := w.Write(b.Bytes())
	return err
}

// listed is how many names of a kind are printed.
const listed = 5

func (g *explainedGroup) writeTo(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n%s\n", g.title())
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "  %-10s %s\n", name, value)
		}
	}
	field("group", string(g.ID))
	field("chain", g.Chain)
	switch n := len(g.Endpoints); n {
	case 0:
		field("endpoints", "none")
	case 1:
		field("endpoint", g.Endpoints[0])
	default:
		field("endpoints", fmt.Sprintf("%d share it: %s", n, some(g.Endpoints)))
	}
	field("policies", some(g.Policies))
	field("profiles", some(g.Profiles))
	if g.Together > 0 {
		field("first", counted(g.Together, "rule")+" by peer, interface and port, in maps for many endpoints")
	}
	if g.Form == "rules" {
		field("rules", fmt.Sprintf("%d, in nftables %s in %s", g.Rules, counted(g.Left, "rule"), counted(g.Chains, "chain")))
		field("why", g.Why)
		if g.LookupsNS > 0 {
			field("expected", fmt.Sprintf("%s a packet; with lowering = \"Lookups\" %s", nanoseconds(g.ExpectedNS), nanoseconds(g.LookupsNS)))
		} else if g.ExpectedNS > 0 {
			field("expected", nanoseconds(g.ExpectedNS)+" a packet")
		}
		return
	}
	field("rules", fmt.Sprint(g.Rules))
	field("why", g.Why)
	b.WriteByte('\n')
	tw := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "  LIST\tIP\tRULES\tUNREACHED\tCUTS\tHASH MAPS\tRANGE MAPS\tELEMENTS\tRULES LEFT\tCHAINS\tEXPECTED\tAS ONE MAP\tAS RULES")
	for i := range g.Lists {
		l := &g.Lists[i]
		cuts := 0
		for _, c := range l.Cuts {
			cuts += c.Maps
		}
		fmt.Fprintf(tw, "  %s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", l.Name, l.Family, l.Rules, len(l.Unreached), cuts, l.HashMaps, l.RangeMaps,
			l.Elements, l.RulesLeft, l.Chains, nanoseconds(l.ExpectedNS), nanoseconds(l.OneMapNS), nanoseconds(l.NoMapNS))
	}
	tw.Flush()
	for i := range g.Lists {
		g.Lists[i].writeTo(b)
	}
}

// title says whose and which packets a group decides.
func (g *explainedGroup) title() string {
	words := map[string]string{
		"normal": "%s of the endpoint itself", "forward": "%s that the host forwards", "prednat": "%s before its destination is rewritten",
		"untracked": "%s before connection tracking",
	}
	form := words[strings.ToLower(g.Layer)]
	if form == "" {
		return g.Direction + " " + g.Layer
	}
	return fmt.Sprintf(form, g.Direction)
}

// writeTo adds what a row of the table has no room for: the cuts, and rules that are in vain.
func (l *explainedList) writeTo(b *bytes.Buffer) {
	if l.Rules+len(l.Cuts)+len(l.Unreached)+len(l.Shared) == 0 {
		return
	}
	fmt.Fprintf(b, "\n  %s, IPv%d: chain %s\n", l.Name, l.Family, l.Chain)
	for _, c := range l.Cuts {
		fmt.Fprintf(b, "    cut by %s: %s, %s: %s\n", c.By, counted(c.Maps, "map"), counted(c.Regions, "region"), c.Why)
	}
	if len(l.Unreached) > 0 {
		fmt.Fprintf(b, "    no packet reaches %s, earlier rules take all theirs: %s\n", counted(len(l.Unreached), "rule"), some(l.Unreached))
	}
	if len(l.Shared) > 0 {
		names := make([]string, len(l.Shared))
		for i, id := range l.Shared {
			names[i] = string(id)
		}
		fmt.Fprintf(b, "    shared with the groups %s\n", some(names))
	}
}

// some is the first names of a list and how many more there are.
func some(names []string) string {
	if len(names) <= listed+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:listed], ", "), len(names)-listed)
}

// nanoseconds is a time; 0 is not known.
func nanoseconds(ns float64) string {
	switch {
	case ns == 0:
		return "-"
	case ns < 10_000:
		return fmt.Sprintf("%.0f ns", ns)
	}
	return fmt.Sprintf("%.0f µs", ns/1000)
}

func amountOfMemory(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
