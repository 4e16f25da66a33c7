package report

// Measure is a kind of figure.
type Measure struct {
	Name, Title, Unit string
	// MoreIsBetter tells which way is good. Relative tells that a ratio to the baseline makes sense.
	MoreIsBetter, Relative bool
	// About says what it is, in a sentence.
	About string
}

// The names of the measures.
const (
	Rate         = "rate"
	Cost         = "cost"
	LatencyP50   = "latency-p50"
	LatencyP99   = "latency-p99"
	LatencyP999  = "latency-p99.9"
	LatencyLoad  = "latency-load"
	Connections  = "connections"
	ConnectP50   = "connect-p50"
	ConnectP99   = "connect-p99"
	Goodput      = "goodput"
	Lost         = "lost-connections"
	FloodSent    = "flood-sent"
	FirstP50     = "first-packet-p50"
	FirstP99     = "first-packet-p99"
	FirstAdded   = "first-packet-added"
	Load         = "load"
	Update       = "update"
	Misjudged    = "misjudged"
	KernelMemory = "kernel-memory"
	DaemonMemory = "daemon-memory"
	Lookups      = "lookups"
	Build        = "build"
	TableMemory  = "table-memory"
)

// Measures lists them in the order in which reports show them.
func Measures() []Measure {
	return []Measure{
		{Rate, "Packet rate", "packets/s", true, true, "Packets per second of one core, none lost, generator included."},
		{Cost, "CPU time per packet", "ns/packet", false, true, "Time of one core for each packet, generator included."},
		{LatencyP50, "Latency, median", "µs", false, true, "From the moment a packet is due until it has passed, at half the rate the system can do one packet at a time."},
		{LatencyP99, "Latency, 99th percentile", "µs", false, true, "As the median, for the slowest packet in a hundred."},
		{LatencyP999, "Latency, 99.9th percentile", "µs", false, true, "As the median, for the slowest packet in a thousand."},
		{LatencyLoad, "Load during the latency runs", "packets/s", true, false, "Half of what the system can do one packet at a time."},
		{Connections, "New TCP connections", "connections/s", true, true, "Connect, request, response, close; clients and server on the same machine."},
		{ConnectP50, "Connection, median", "µs", false, true, "One connection from connect to close."},
		{ConnectP99, "Connection, 99th percentile", "µs", false, true, "One connection from connect to close, the slowest in a hundred."},
		{Goodput, "Goodput of established TCP", "bit/s", true, true, "What arrives in connections that send as much as they can, all together."},
		{Lost, "Connections lost", "connections", false, false, "Established connections that ended, or over which nothing came any more, during a flood."},
		{FloodSent, "Flood sent", "packets/s", true, false, "What the flood came to: less than was asked for where the firewall cannot take it."},
		{FirstP50, "First packet of a flow, median", "µs", false, true, "One way through an idle firewall, of packets whose flow it has not seen before."},
		{FirstP99, "First packet of a flow, 99th percentile", "µs", false, true, "As the median, for the slowest packet in a hundred."},
		{FirstAdded, "First packet of a flow, added to the 99th percentile", "µs", false, false, "99th percentile less that of the system that ratios are to."},
		{Load, "Time to load", "s", false, false, "From the rules to all of them in force, from nothing."},
		{Update, "Time until a change is in force", "ms", false, false, "From giving the order until the first packet meets the new rule."},
		{Misjudged, "Packets misjudged during a change", "packets", false, false, "Packets that met neither the old rules nor the new, or the old after the new."},
		{KernelMemory, "Kernel memory per rule", "bytes/rule", false, false, "What the kernel allocated for the rules."},
		{DaemonMemory, "Daemon memory", "MB", false, false, "Resident memory of the daemon with the rules in force."},
		{Lookups, "Classifier look-ups", "look-ups/s", true, true, "Packets classified per second of one core, in user space."},
		{Build, "Classifier build time", "s", false, false, "From the rules to a classifier that answers."},
		{TableMemory, "Classifier memory per rule", "bytes/rule", false, false, "Look-up tables of the classifier."},
	}
}

// MeasureNamed finds a measure; an unknown name is a measure without properties.
func MeasureNamed(name string) Measure {
	for _, m := range Measures() {
		if m.Name == name {
			return m
		}
	}
	return Measure{Name: name, Title: name}
}

func measureOrder(name string) int {
	all := Measures()
	for i := range all {
		if all[i].Name == name {
			return i
		}
	}
	return len(all)
}
