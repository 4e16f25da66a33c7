package classify

import (
	"errors"
	"fmt"
	"net/netip"
)

// Range is an inclusive range of host-order port numbers. For ICMP the source port is the type and the destination
// port the code.
type Range struct{ Min, Max uint16 }

// AnyPort is every port.
var AnyPort = Range{0, 65535}

// Rule is a box. The zero Prefix matches any address of the classifier's family, AnyProtocol any protocol.
type Rule struct {
	// Priority orders the rules: the lowest that matches wins. Equal priorities are ordered as they were added.
	Priority         uint64
	Src, Dst         netip.Prefix
	SrcPort, DstPort Range
	Protocol         uint8
	AnyProtocol      bool
	// Value is the caller's: Lookup returns it.
	Value uint32
}

// NoMatch is what Lookup gives for a packet that no rule matches. No rule may have it as its Value.
const NoMatch = ^uint32(0)

// MaxRules is the greatest length of a list.
const MaxRules = maxSlot + 1

// ErrTooMany means that a list is longer than MaxRules.
var ErrTooMany = errors.New("classify: too many rules")

// ErrRule marks a rule that cannot be part of a classifier.
var ErrRule = errors.New("classify: rule")

// check refuses rules of the other family, reversed ranges and the reserved value.
func (r *Rule) check(v6 bool) error {
	for _, p := range []netip.Prefix{r.Src, r.Dst} {
		if p.IsValid() && p.Addr().Is4() == v6 {
			return fmt.Errorf("%w: prefix %v is not of the classifier's family", ErrRule, p)
		}
	}
	if r.SrcPort.Min > r.SrcPort.Max || r.DstPort.Min > r.DstPort.Max {
		return fmt.Errorf("%w: reversed port range", ErrRule)
	}
	if r.Value == NoMatch {
		return fmt.Errorf("%w: value %#x is reserved", ErrRule, r.Value)
	}
	return nil
}
