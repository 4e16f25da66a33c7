package ruleset

import (
	"fmt"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"rampart/model"
)

// Counter counts the packets that reach it. The values are where it starts.
type Counter struct{ Packets, Bytes uint64 }

// Text implements Statement.
func (c Counter) Text(Context) string {
	return fmt.Sprintf("counter packets %d bytes %d", c.Packets, c.Bytes)
}

// Exprs implements Statement.
func (c Counter) Exprs(Binder) []expr.Any {
	return []expr.Any{&expr.Counter{Packets: c.Packets, Bytes: c.Bytes}}
}

// Eval implements Statement.
func (c Counter) Eval(*Machine) Verdict { return Verdict{} }

// Limit matches at most PerSecond packets a second, with a burst of five.
type Limit struct{ PerSecond uint32 }

// limitBurst is nft's own default.
const limitBurst = 5

// Text implements Statement.
func (l Limit) Text(Context) string {
	return fmt.Sprintf("limit rate %d/second", l.PerSecond)
}

// Exprs implements Statement.
func (l Limit) Exprs(Binder) []expr.Any {
	return []expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: uint64(l.PerSecond), Unit: expr.LimitTimeSecond, Burst: limitBurst}}
}

// Eval implements Statement; a Machine runs one packet at a time, so no limit is ever reached.
func (l Limit) Eval(*Machine) Verdict { return Verdict{} }

// Log sends the packet's first Snaplen octets to an NFLOG group.
type Log struct {
	Prefix  string
	Group   uint16
	Snaplen uint32
}

// Text implements Statement.
func (l Log) Text(Context) string {
	return fmt.Sprintf("log prefix %s group %d snaplen %d", quote(l.Prefix), l.Group, l.Snaplen)
}

// Exprs implements Statement.
func (l Log) Exprs(Binder) []expr.Any {
	return []expr.Any{&expr.Log{
		Key:   1<<unix.NFTA_LOG_GROUP | 1<<unix.NFTA_LOG_PREFIX | 1<<unix.NFTA_LOG_SNAPLEN,
		Group: l.Group, Snaplen: l.Snaplen, Data: []byte(strings.ReplaceAll(l.Prefix, `"`, "'")),
	}}
}

// Eval implements Statement.
func (l Log) Eval(m *Machine) Verdict {
	m.packet.Logged = append(m.packet.Logged, l.Prefix)
	return Verdict{}
}

// Notrack keeps the packet out of connection tracking; only in hooks at raw priority.
type Notrack struct{}

// Text implements Statement.
func (Notrack) Text(Context) string { return "notrack" }

// Exprs implements Statement.
func (Notrack) Exprs(Binder) []expr.Any { return []expr.Any{&expr.Notrack{}} }

// Eval implements Statement.
func (Notrack) Eval(m *Machine) Verdict {
	m.packet.CT = CTUntracked
	return Verdict{}
}

// Reject drops the packet and answers it: TCP with a reset when the rule has matched TCP, else with an ICMP "prohibited"
// (RFC 1812, 5.2.7.1; RFC 4443, 3.1). Not in output-side hooks after routing.
type Reject struct{ TCPReset bool }

// Text implements Statement.
func (r Reject) Text(Context) string {
	if r.TCPReset {
		return "reject with tcp reset"
	}
	return "reject with icmpx admin-prohibited"
}

// Exprs implements Statement.
func (r Reject) Exprs(Binder) []expr.Any {
	if r.TCPReset {
		return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}
	}
	return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED}}
}

// Eval implements Statement. A reset is possible for TCP only; the kernel drops other packets without an answer.
func (r Reject) Eval(m *Machine) Verdict {
	m.packet.Rejected = !r.TCPReset || m.packet.Protocol == model.ProtoTCP
	return Verdict{Kind: Drop}
}
