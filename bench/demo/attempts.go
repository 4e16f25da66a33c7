package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// attempt is something to try, and what the policy says of it.
type attempt struct {
	from, to string
	protocol string // tcp, udp or ping
	port     uint16
	family   int
	allowed  bool
	because  string
}

// theHost names the host itself, where the daemon runs, as the origin of a packet.
const theHost = "host"

// attempts is what the specification's text says of the sample, in both families: the database accepts TCP to 6379
// from frontends and nothing else, and may itself reach everybody; whom no policy selects goes by its profile.
func attempts() []attempt {
	var all []attempt
	for _, family := range []int{4, 6} {
		add := func(from, to, protocol string, port uint16, allowed bool, because string) {
			all = append(all, attempt{from, to, protocol, port, family, allowed, because})
		}
		const (
			rule     = "ingress rule 1: TCP from role == 'frontend' to 6379"
			byTier   = "no ingress rule matches: denied by default"
			egress   = "egress rule 1: everything"
			profile  = "no policy selects it: its profile allows"
			hostFree = "a host always reaches its own workloads"
		)
		add("frontend", "database", "tcp", 6379, true, rule)
		add("frontend", "database", "tcp", 8080, false, byTier)
		add("frontend", "database", "udp", 6379, false, byTier)
		add("frontend", "database", "ping", 0, false, byTier)
		add("batch", "database", "tcp", 6379, false, byTier)
		add("batch", "database", "ping", 0, false, byTier)
		add("outside", "database", "tcp", 6379, false, byTier)
		add("outside", "database", "udp", 6379, false, byTier)
		add("outside", "database", "ping", 0, false, byTier)
		add("database", "frontend", "tcp", 8080, true, egress)
		add("database", "outside", "tcp", 8080, true, egress)
		add("database", "outside", "udp", 8080, true, egress)
		add("database", "outside", "ping", 0, true, egress)
		add("batch", "frontend", "tcp", 8080, true, profile)
		add("batch", "frontend", "ping", 0, true, profile)
		add(theHost, "database", "tcp", 6379, true, hostFree)
		add(theHost, "database", "ping", 0, true, hostFree)
	}
	return all
}

// result is an attempt and what came of it.
type result struct {
	attempt
	seen string
}

func (r result) want() string {
	if r.allowed {
		return outcomeAllow
	}
	return outcomeDeny
}

// writeTable prints the results and returns how many are not as they should be.
func writeTable(w io.Writer, results []result) int {
	wrong := 0
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  \tFROM\tTO\tWHAT\tFAMILY\tPOLICY SAYS\tSEEN\tBECAUSE")
	for _, r := range results {
		mark := "ok"
		if r.seen != r.want() {
			mark = "WRONG"
			wrong++
		}
		verdict := "deny"
		if r.allowed {
			verdict = "allow"
		}
		what := r.protocol
		if r.port > 0 {
			what = fmt.Sprintf("%s %d", r.protocol, r.port)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\tIPv%d\t%s\t%s\t%s\n", mark, r.from, r.to, what, r.family, verdict, r.seen, r.because)
	}
	_ = t.Flush()
	fmt.Fprintln(w)
	return wrong
}
