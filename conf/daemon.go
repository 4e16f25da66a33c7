package conf

import (
	"time"
)

// Daemon is the daemon's configuration. Fields have the same snake_case names in HCL and in YAML.
type Daemon struct {
	// Node is the name of this host in the policy model; "" is the host name.
	Node    string        `json:"node,omitempty"`
	Sources DaemonSources `json:"sources,omitzero"`
	// Debounce is how long the policy files must be quiet before a change is looked at.
	Debounce time.Duration `json:"debounce,omitempty"`
	// WorkloadInterfacePrefixes: interfaces with such a name belong to workloads; one without an endpoint is denied
	// everything.
	WorkloadInterfacePrefixes []string       `json:"workload_interface_prefixes,omitempty"`
	Failsafe                  DaemonFailsafe `json:"failsafe,omitzero"`
	// EndpointToHostAction is what happens to traffic from a workload to this host that the workload's egress policy has
	// allowed: Drop, Return (leave it to rules after ours) or Accept.
	EndpointToHostAction string `json:"endpoint_to_host_action,omitempty"`
	// DenyAction is how traffic is denied: Drop or Reject.
	DenyAction string `json:"deny_action,omitempty"`
	// DropInvalid drops packets that belong to no connection conntrack can make sense of, before any policy.
	DropInvalid bool `json:"drop_invalid,omitempty"`
	// ConntrackRevalidate ends open connections that a changed policy no longer allows.
	ConntrackRevalidate bool          `json:"conntrack_revalidate,omitempty"`
	Log                 DaemonLog     `json:"log,omitzero"`
	API                 DaemonAPI     `json:"api,omitzero"`
	Metrics             DaemonMetrics `json:"metrics,omitzero"`
	// OnExit is what a stopping daemon does with the policy in force: keep or clear.
	OnExit string `json:"on_exit,omitempty"`
	// StateDir keeps the last good policy for the next start.
	StateDir string `json:"state_dir,omitempty"`
	// Lowering is how policies become nftables: Lookups (an endpoint's list cut into verdict maps, if it is long) or Rules
	// (a chain for each policy, a rule for each rule).
	Lowering string `json:"lowering,omitempty"`
	// Table is the name of the nftables table.
	Table    string         `json:"table,omitempty"`
	FastPath DaemonFastPath `json:"fast_path,omitzero"`
	// Limits bound what is put into the kernel.
	Limits DaemonLimits `json:"limits,omitzero"`
}

// DaemonSources says where resources come from.
type DaemonSources struct {
	// Files are files and directories. In a configuration file they may be relative to its directory.
	Files []string `json:"files,omitempty"`
}

// DaemonFailsafe lists the ports of this host that stay open whatever the policy says: Inbound at this host, Outbound at
// others. An empty list keeps none open.
type DaemonFailsafe struct {
	Inbound  []FailsafePort `json:"inbound,omitempty"`
	Outbound []FailsafePort `json:"outbound,omitempty"`
}

// DaemonLog is about the messages of Log rules (Group, Prefix, Rate) and of the daemon itself (Level, Format).
type DaemonLog struct {
	// Group is the NFLOG group that Log rules send to.
	Group uint16 `json:"group,omitempty"`
	// Prefix starts every message of a Log rule.
	Prefix string `json:"prefix,omitempty"`
	// Rate is how many messages a rule may send per second, 0 for any number.
	Rate uint32 `json:"rate,omitempty"`
	// Level is debug, info, warn or error; Format is text or json.
	Level  string `json:"level,omitempty"`
	Format string `json:"format,omitempty"`
}

// DaemonAPI is the unix socket of the API. Root and the daemon's own user may always use it.
type DaemonAPI struct {
	Socket string `json:"socket,omitempty"`
	// Group is the name or number of a group whose members may use the API; UIDs are users who may.
	Group string   `json:"group,omitempty"`
	UIDs  []uint32 `json:"uids,omitempty"`
}

// DaemonMetrics is the Prometheus endpoint.
type DaemonMetrics struct {
	// Listen is an address and port, "" for no endpoint.
	Listen string `json:"listen,omitempty"`
	// Rules bounds how many rules have counters among the metrics.
	Rules int `json:"rules,omitempty"`
}

// DaemonFastPath is about the AF_XDP path in front of nftables.
type DaemonFastPath struct {
	Interfaces []string `json:"interfaces,omitempty"`
	// Mode is off, auto or always.
	Mode string `json:"mode,omitempty"`
	// OnOverload says where packets go that the fast path has no room for: nft or drop.
	OnOverload string `json:"on_overload,omitempty"`
	// Queues is how many receive queues of an interface take part, at most 64, 0 for all.
	Queues int `json:"queues,omitempty"`
	// BusyPoll polls the queues instead of waiting for interrupts.
	BusyPoll bool `json:"busy_poll,omitempty"`
	// Sockets says whose code serves the AF_XDP sockets: rings, our own, or asavie, github.com/asavie/xdp.
	Sockets string `json:"sockets,omitempty"`
	// FlowRate is how many of the packets that it denies are written to the log a second at most, 0 for none.
	FlowRate int `json:"flow_rate,omitempty"`
}

// DaemonLimits bound the nftables table. A policy that exceeds one is refused as a whole.
type DaemonLimits struct {
	// Elements is how many elements all sets and maps may have together, SetElements how many members one set of the
	// policies, a selector, may have.
	Elements    int `json:"elements,omitempty"`
	SetElements int `json:"set_elements,omitempty"`
	// Rules, Chains and Sets bound how many of them there may be.
	Rules  int `json:"rules,omitempty"`
	Chains int `json:"chains,omitempty"`
	Sets   int `json:"sets,omitempty"`
	// Memory bounds what the table takes of the kernel's memory, by estimate.
	Memory Bytes `json:"memory,omitempty"`
}

// Words of the daemon's configuration.
const (
	ActionDrop   = "Drop"
	ActionReturn = "Return"
	ActionAccept = "Accept"
	ActionReject = "Reject"

	OnExitKeep  = "keep"
	OnExitClear = "clear"

	FastPathOff    = "off"
	FastPathAuto   = "auto"
	FastPathAlways = "always"

	OverloadNFT  = "nft"
	OverloadDrop = "drop"

	SocketsRings  = "rings"
	SocketsAsavie = "asavie"
)

// Values of lowering.
const (
	LoweringRules   = "Rules"
	LoweringLookups = "Lookups"
)

// DefaultDaemon is the configuration of an empty file. The failsafe ports are Calico's.
func DefaultDaemon() *Daemon {
	return &Daemon{
		Debounce:                  DefaultDebounce,
		WorkloadInterfacePrefixes: []string{"cali"},
		Failsafe: DaemonFailsafe{
			Inbound: mustFailsafePorts("tcp:22", "udp:68", "tcp:179", "tcp:2379", "tcp:2380", "tcp:5473", "tcp:6443", "tcp:6666", "tcp:6667"),
			Outbound: mustFailsafePorts("udp:53", "udp:67", "tcp:179", "tcp:2379", "tcp:2380", "tcp:5473", "tcp:6443", "tcp:6666",
				"tcp:6667"),
		},
		EndpointToHostAction: ActionDrop,
		DenyAction:           ActionDrop,
		Lowering:             LoweringLookups,
		DropInvalid:          true,
		Log:                  DaemonLog{Group: 1, Prefix: "rampart", Rate: 100, Level: "info", Format: "text"},
		API:                  DaemonAPI{Socket: "/run/rampart/rampart.sock"},
		Metrics:              DaemonMetrics{Rules: 1000},
		OnExit:               OnExitKeep,
		StateDir:             "/var/lib/rampart",
		Table:                "rampart",
		FastPath:             DaemonFastPath{Mode: FastPathOff, OnOverload: OverloadNFT, Sockets: SocketsRings},
		Limits: DaemonLimits{
			Elements: 4_000_000, SetElements: 1 << 20, Rules: 500_000, Chains: 250_000, Sets: 250_000, Memory: 2 << 30,
		},
	}
}
