package ruleset

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Hook is a place in the kernel's packet path where a base chain may hang.
type Hook uint8

// The hooks of family inet, numbered as in uapi/linux/netfilter.h.
const (
	HookPrerouting  Hook = unix.NF_INET_PRE_ROUTING
	HookInput       Hook = unix.NF_INET_LOCAL_IN
	HookForward     Hook = unix.NF_INET_FORWARD
	HookOutput      Hook = unix.NF_INET_LOCAL_OUT
	HookPostrouting Hook = unix.NF_INET_POST_ROUTING
)

// Priorities that have a name in nft(8).
const (
	PriorityRaw    = -300
	PriorityMangle = -150
	PriorityFilter = 0
)

// String is nft's word for the hook.
func (h Hook) String() string {
	switch h {
	case HookPrerouting:
		return "prerouting"
	case HookInput:
		return "input"
	case HookForward:
		return "forward"
	case HookOutput:
		return "output"
	case HookPostrouting:
		return "postrouting"
	}
	return fmt.Sprintf("hook%d", uint8(h))
}

// priorityText is how nft lists a priority: a name, a name and a distance of at most 10, or a number.
func priorityText(p int) string {
	names := []struct {
		at   int
		name string
	}{{PriorityRaw, "raw"}, {PriorityMangle, "mangle"}, {PriorityFilter, "filter"}}
	for _, n := range names {
		switch d := p - n.at; {
		case d == 0:
			return n.name
		case d > 0 && d <= 10:
			return fmt.Sprintf("%s + %d", n.name, d)
		case d < 0 && d >= -10:
			return fmt.Sprintf("%s - %d", n.name, -d)
		}
	}
	return fmt.Sprint(p)
}

// Text is the chain's "type … hook …" line.
func (b *Base) Text() string {
	return fmt.Sprintf("type filter hook %s priority %s; policy accept;", b.Hook, priorityText(b.Priority))
}
