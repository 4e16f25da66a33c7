package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// attempt is something to try in both families, and what the policy says of it.
type attempt struct {
	from, to string
	protocol string // tcp, udp or ping
	port     uint16
	allowed  bool
	because  string
}

// families are tried one by one; their answers stand side by side.
var families = [2]int{4, 6}

// theHost names the host itself, where the daemon runs, as the origin of a packet.
const theHost = "host"

// attempts is what the specification's text says of the sample: the database accepts TCP to 6379 from frontends and
// nothing else, and may itself reach everybody; whom no policy selects goes by its profile.
func attempts() []attempt {
	const (
		rule     = "ingress rule 1: TCP from role == 'frontend' to 6379"
		byTier   = "no ingress rule matches: denied by default"
		egress   = "egress rule 1: everything"
		profile  = "no policy selects it: its profile allows"
		hostFree = "a host always reaches its own workloads"
	)
	return []attempt{
		{"frontend", "database", "tcp", 6379, true, rule},
		{"frontend", "database", "tcp", 8080, false, byTier},
		{"frontend", "database", "udp", 6379, false, byTier},
		{"frontend", "database", "ping", 0, false, byTier},
		{"batch", "database", "tcp", 6379, false, byTier},
		{"batch", "database", "ping", 0, false, byTier},
		{"outside", "database", "tcp", 6379, false, byTier},
		{"outside", "database", "udp", 6379, false, byTier},
		{"outside", "database", "ping", 0, false, byTier},
		{"database", "frontend", "tcp", 8080, true, egress},
		{"database", "outside", "tcp", 8080, true, egress},
		{"database", "outside", "udp", 8080, true, egress},
		{"database", "outside", "ping", 0, true, egress},
		{"batch", "frontend", "tcp", 8080, true, profile},
		{"batch", "frontend", "ping", 0, true, profile},
		{theHost, "database", "tcp", 6379, true, hostFree},
		{theHost, "database", "ping", 0, true, hostFree},
	}
}

// result is an attempt and what came of it in each of the families.
type result struct {
	attempt
	seen [len(families)]string
}

// wrong counts the families that fared otherwise than the policy says.
func (r result) wrong() (n int) {
	want := outcomeDeny
	if r.allowed {
		want = outcomeAllow
	}
	for _, seen := range r.seen {
		if seen != want {
			n++
		}
	}
	return n
}

// writeTable prints the results and returns how many are not as they should be.
func writeTable(w io.Writer, results []result) (wrong int) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tFROM\tTO\tWHAT\tPOLICY SAYS\tIPv4\tIPv6\tBECAUSE")
	for _, r := range results {
		mark, verdict, what := "ok", "deny", r.protocol
		if r.wrong() > 0 {
			mark = "WRONG"
		}
		if r.allowed {
			verdict = "allow"
		}
		if r.port > 0 {
			what = fmt.Sprintf("%s %d", r.protocol, r.port)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", mark, r.from, r.to, what, verdict, r.seen[0], r.seen[1], r.because)
		wrong += r.wrong()
	}
	_ = t.Flush()
	return wrong
}
