package ir

import (
	"net/netip"

	"rampart/model"
)

// Program is everything a backend needs to enforce policy on one node.
type Program struct {
	// Generation counts programs of one daemon; the engine assigns it. It is not part of Hash.
	Generation uint64
	// Hash is 16 hexadecimal digits over everything below, origins and States included: equal hashes mean equal programs.
	// Programs with different hashes may still enforce the same; Diff tells. Seal computes it.
	Hash string
	// Node is the node the program was compiled for.
	Node    string
	Options Options
	// Sets, sorted by ID. Every SetID used in a rule is here.
	Sets []*Set
	// Policies and Profiles that groups refer to, sorted by key, each once.
	Policies []*Policy
	Profiles []*Profile
	// Groups, sorted by ID. Endpoints with the same ordered policies share one.
	Groups []*Group
	// Endpoints of this node, sorted by key, then interface. A host endpoint given by expectedIPs is here once for every
	// interface that holds one of them.
	Endpoints []*Endpoint
	// States has one entry for every policy of the model, sorted by key.
	States []PolicyState

	// sums and setSums are what goes into Hash of Endpoints and Sets, for the next program that has the same.
	sums, setSums digest
}

// SameEndpoints tells, at once, that two programs share their list of endpoints. Others may be equal all the same.
func (p *Program) SameEndpoints(o *Program) bool {
	return o != nil && len(p.Endpoints) == len(o.Endpoints) && (len(p.Endpoints) == 0 || &p.Endpoints[0] == &o.Endpoints[0])
}

// Options are the daemon's settings that change what the program means.
type Options struct {
	// WorkloadPrefixes are interface name prefixes of workloads. An interface with such a name and no endpoint is
	// denied everything.
	WorkloadPrefixes []string
	// FailsafeIn and FailsafeOut are allowed to and from the host whatever the policy, in every layer that has them.
	FailsafeIn, FailsafeOut []Failsafe
	// EndpointToHost is what happens to traffic from a workload to the host after the workload's egress policy allowed
	// it: Deny, Allow, or Pass for "leave it to whatever comes after our table".
	EndpointToHost model.Action
	// Reject answers denied packets with an ICMP error or a TCP reset instead of silence.
	Reject bool
	// KeepInvalid lets packets that conntrack calls invalid reach the policy instead of being dropped.
	KeepInvalid bool
	// CutMark is a bit of the connection mark (ct mark). Packets of a connection that has it are denied, wherever policy
	// acts, before connections that are open are let through. 0 cuts nothing.
	CutMark uint32
	// LogGroup is the NFLOG group of Log rules; LogPrefix starts every message (then the policy's name).
	LogGroup  uint16
	LogPrefix string
	// LogRate bounds messages per second and rule, 0 for no bound.
	LogRate uint32
}

// Failsafe is a protocol, a port and, optionally, the peer's prefix (the zero Prefix is any).
type Failsafe struct {
	Protocol uint8
	Net      netip.Prefix
	Port     uint16
}

// SetID names a set: a hash of its kind and canonical definition, so equal definitions share one set.
type SetID string

// SetKind tells what a set's members are.
type SetKind uint8

// The kinds of sets.
const (
	// SetNets holds prefixes: every address of the endpoints and every net of the network sets a selector matches.
	SetNets SetKind = iota
	// SetPorts holds (address, protocol, port): a named port of the endpoints a selector matches.
	SetPorts
)

// Set is a named group of peers.
type Set struct {
	ID   SetID
	Kind SetKind
	// Selector is the canonical selector ("" matches everything); PortName and Protocol (0 = any) are for SetPorts.
	Selector string
	PortName string
	Protocol uint8
	// Nets are of both families; they may nest. Only for SetNets.
	Nets Prefixes
	// Ports are sorted and unique. Only for SetPorts.
	Ports []PortMember
	// Sum is a hash of the set, members included; equal sums mean equal sets. Seal computes it; 0 is "not yet".
	Sum uint64
}

// Len is the number of members.
func (s *Set) Len() int { return s.Nets.Len() + len(s.Ports) }

// PortMember is one endpoint's port.
type PortMember struct {
	Addr     netip.Addr
	Protocol uint8
	Port     uint16
}

// PortRange is inclusive, host byte order.
type PortRange struct{ Min, Max uint16 }

// PolicyID names a policy of the program: model.Key.String().
type PolicyID string

// Policy is one policy's compiled rules.
type Policy struct {
	ID     PolicyID
	Key    model.Key
	Tier   string
	Origin model.Origin
	// Staged policies are evaluated for reports and never enforced.
	Staged bool
	// Ingress and Egress are the rules that govern each direction; nil when the policy does not govern it.
	Ingress, Egress []*Rule
	// Sum is a hash of the policy without its origins, OriginSum one of the origins alone: an edit that only moves lines
	// changes nothing in force. Seal computes both; 0 is "not yet".
	Sum, OriginSum uint64
}

// Rules are the policy's rules for a direction.
func (p *Policy) Rules(d model.Direction) []*Rule {
	if d == model.Egress {
		return p.Egress
	}
	return p.Ingress
}

// Profile is one profile's compiled rules. A Missing one is named by an endpoint but does not exist; it denies.
type Profile struct {
	Name            string
	Origin          model.Origin
	Missing         bool
	Ingress, Egress []*Rule
	// Sum and OriginSum are as in Policy.
	Sum, OriginSum uint64
}

// Rules are the profile's rules for a direction.
func (p *Profile) Rules(d model.Direction) []*Rule {
	if d == model.Egress {
		return p.Egress
	}
	return p.Ingress
}

// Rule is one compiled rule.
type Rule struct {
	ID     model.RuleID
	Action model.Action
	// Index is the rule's position in its list in the manifest; a rule that compiles to several keeps it.
	Index  int
	Origin model.Origin
	Match  Match
}

// Match is a conjunction of conditions; the zero value of each restricts nothing.
//
// A condition on nets, sets or ports that can never hold (a selector that matches nothing, a named port nobody
// defines) is kept as a reference to an empty set, so that a later member makes it hold.
type Match struct {
	// IPVersion is 4, 6 or 0 for both. It already reflects the family of nets and the protocol names ICMP and ICMPv6.
	IPVersion uint8
	// Protocol and NotProtocol are numbers; 0 is "not given" (protocol 0 cannot be written).
	Protocol, NotProtocol uint8
	ICMP, NotICMP         *ICMP
	Src, Dst              Peer
	HTTP                  *model.HTTPMatch
}

// ICMP matches type and, when HasCode, code. NotICMP negates the conjunction.
type ICMP struct {
	Type    uint8
	Code    uint8
	HasCode bool
}

// Peer restricts one end of the packet.
type Peer struct {
	// Nets: in any of them. NotNets: in none of them.
	Nets, NotNets []netip.Prefix
	// Sets: in every one of them. NotSets: in none of them. All are SetNets.
	Sets, NotSets []SetID
	// Ports and PortSets together: the port in any range, or (address, protocol, port) in any SetPorts.
	Ports    []PortRange
	PortSets []SetID
	// NotPorts and NotPortSets: in none of them.
	NotPorts    []PortRange
	NotPortSets []SetID
}

// IsZero tells that the peer restricts nothing.
func (p *Peer) IsZero() bool {
	return len(p.Nets)+len(p.NotNets)+len(p.Sets)+len(p.NotSets)+len(p.Ports)+len(p.PortSets)+len(p.NotPorts)+len(p.NotPortSets) == 0
}

// HasPorts tells that the peer restricts ports, positively or negatively.
func (p *Peer) HasPorts() bool {
	return len(p.Ports)+len(p.PortSets)+len(p.NotPorts)+len(p.NotPortSets) > 0
}

// GroupID is a hash of what a group lists: direction, layer, tiers with their defaults, the names of policies and
// profiles. An edit of a policy's rules leaves it as it is.
type GroupID string

// Group is one ordered list of policies in one direction and layer, shared by every endpoint that has it.
type Group struct {
	ID        GroupID
	Direction model.Direction
	Layer     model.Layer
	// Tiers that have at least one policy here, in order. A tier whose policies are all staged decides nothing.
	Tiers []Tier
	// Profiles in the endpoint's order; only in LayerNormal.
	Profiles []*Profile
}

// Tier is the part of a tier that concerns one group.
type Tier struct {
	Name string
	// Default is Deny or Pass, for packets that no policy of the tier decided. It is always Pass in LayerPreDNAT and
	// LayerUntracked.
	Default model.Action
	// Missing marks a tier without a Tier resource.
	Missing  bool
	Policies []*Policy
}

// Enforced tells whether any policy of the tier is not staged; only then does Default apply.
func (t *Tier) Enforced() bool {
	for _, p := range t.Policies {
		if !p.Staged {
			return true
		}
	}
	return false
}

// Endpoint is a host or workload endpoint of this node.
type Endpoint struct {
	Key    model.Key
	Origin model.Origin
	// Interface is the interface name; "*" is every interface that is not a workload's and has no endpoint of its own.
	// A host endpoint given by expectedIPs has been resolved to the interface that holds one of them. No two endpoints
	// have the same interface, except "": such an endpoint is in force nowhere, because no interface holds its addresses
	// or another endpoint has its interface. Backends skip it; explain does not.
	Interface string
	// Workload tells the kind of endpoint.
	Workload bool
	// Addrs are the workload's own addresses as single-address prefixes, and SpoofAllowed the further source prefixes
	// it may use. Only for workloads.
	Addrs, SpoofAllowed []netip.Prefix
	// Ingress and Egress hold the group per layer; nil where the layer has no say (workloads have only LayerNormal; a
	// host endpoint's other layers are nil when no policy of that kind applies in that direction).
	Ingress, Egress [model.NumLayers]*Group
	// Sum is a hash of the endpoint without its origin, its groups by ID, OriginSum one of the origin. Seal computes them; 0
	// is "not yet".
	Sum, OriginSum uint64
}

// Group is the endpoint's group for a direction and layer, or nil.
func (e *Endpoint) Group(d model.Direction, l model.Layer) *Group {
	if d == model.Egress {
		return e.Egress[l]
	}
	return e.Ingress[l]
}

// PolicyState says whether a policy has an effect, and if not, why.
type PolicyState struct {
	Key    model.Key    `json:"key"`
	Tier   string       `json:"tier"`
	Origin model.Origin `json:"origin"`
	Active bool         `json:"active"`
	// Reasons why it is inactive, or warnings about an active one. Sentences without a full stop.
	Reasons []string `json:"reasons,omitempty"`
	// Endpoints is how many endpoints of any node the policy selects.
	Endpoints int `json:"endpoints"`
}
