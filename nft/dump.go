package nft

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"rampart/engine/ir"
)

// dumpedRule is what we need of a rule in the kernel. google/nftables reads rules chain by chain and decodes every
// expression; this reads a table at once and only what counts.
type dumpedRule struct {
	chain   string
	handle  uint64
	comment string
	counter ir.Counter
	counted bool
}

// dumpRules lists the rules of a table, or only those of some of its chains.
func dumpRules(netns int, table string, chains ...string) ([]dumpedRule, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: netns})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if len(chains) == 0 {
		return dumpChain(c, table, "")
	}
	var all []dumpedRule
	for _, chain := range chains {
		list, err := dumpChain(c, table, chain)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// dumpChain tries until nothing changes meanwhile, but not for ever: mostly it is others' tables that change, which moves no
// rule of ours, and a count that is not exact is better than a policy that does not come into force.
func dumpChain(c *netlink.Conn, table, chain string) (list []dumpedRule, err error) {
	for range 10 {
		var whole bool
		if list, whole, err = dumpOnce(c, table, chain); whole || err != nil {
			break
		}
	}
	return list, err
}

// dumpOnce lists the rules of one chain, or of all chains for "". whole tells that no ruleset changed meanwhile.
func dumpOnce(c *netlink.Conn, table, chain string) (rules []dumpedRule, whole bool, err error) {
	list := []netlink.Attribute{{Type: unix.NFTA_RULE_TABLE, Data: append([]byte(table), 0)}}
	if chain != "" {
		list = append(list, netlink.Attribute{Type: unix.NFTA_RULE_CHAIN, Data: append([]byte(chain), 0)})
	}
	attrs, err := netlink.MarshalAttributes(list)
	if err != nil {
		return nil, false, err
	}
	request := netlink.Message{
		Header: netlink.Header{Type: nftType(unix.NFT_MSG_GETRULE), Flags: netlink.Request | netlink.Dump},
		Data:   append([]byte{unix.NFPROTO_INET, unix.NFNETLINK_V0, 0, 0}, attrs...),
	}
	replies, err := c.Execute(request)
	if err != nil {
		return nil, false, fmt.Errorf("list the rules of table %s: %w", table, err)
	}
	whole = true
	rules = make([]dumpedRule, 0, len(replies))
	for _, m := range replies {
		whole = whole && m.Header.Flags&netlink.DumpInterrupted == 0
		r, err := parseRule(m.Data)
		if err != nil {
			return nil, false, err
		}
		rules = append(rules, r)
	}
	return rules, whole, nil
}

func nftType(t int) netlink.HeaderType { return netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | t) }

// nfgenmsgLen is the length of struct nfgenmsg, which precedes the attributes.
const nfgenmsgLen = 4

func parseRule(b []byte) (dumpedRule, error) {
	var r dumpedRule
	if len(b) < nfgenmsgLen {
		return r, errors.New("short rule message")
	}
	ad, err := netlink.NewAttributeDecoder(b[nfgenmsgLen:])
	if err != nil {
		return r, err
	}
	ad.ByteOrder = binary.BigEndian
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_RULE_CHAIN:
			r.chain = ad.String()
		case unix.NFTA_RULE_HANDLE:
			r.handle = ad.Uint64()
		case unix.NFTA_RULE_USERDATA:
			r.comment = ruleComment(ad.Bytes())
		case unix.NFTA_RULE_EXPRESSIONS:
			ad.Nested(func(list *netlink.AttributeDecoder) error {
				for list.Next() {
					list.Nested(r.expression)
				}
				return nil
			})
		}
	}
	return r, ad.Err()
}

// expression takes the values of a counter.
func (r *dumpedRule) expression(ad *netlink.AttributeDecoder) error {
	counter := false
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_EXPR_NAME:
			counter = ad.String() == "counter"
		case unix.NFTA_EXPR_DATA:
			if !counter {
				continue
			}
			r.counted = true
			ad.Nested(func(data *netlink.AttributeDecoder) error {
				data.ByteOrder = binary.BigEndian
				for data.Next() {
					switch data.Type() {
					case unix.NFTA_COUNTER_PACKETS:
						r.counter.Packets = data.Uint64()
					case unix.NFTA_COUNTER_BYTES:
						r.counter.Bytes = data.Uint64()
					}
				}
				return nil
			})
		}
	}
	return nil
}

// ruleComment reads the comment out of a rule's user data, which others may have written: a list of type, length, value.
func ruleComment(b []byte) string {
	for len(b) >= 2 {
		n := 2 + int(b[1])
		if len(b) < n {
			return ""
		}
		if userdata.Type(b[0]) == userdata.TypeComment {
			return string(bytes.TrimRight(b[2:n], "\x00"))
		}
		b = b[n:]
	}
	return ""
}
