package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

// patience bounds reading the counters of maps: the kernel walks a set from its start for every message, so the time grows
// with the square of its size (0.4 s for 100 000 elements). What of a map has not come after each is not counted, and after
// all no further map is begun: a change of policy does not wait for ever for what has been counted.
type patience struct{ each, all time.Duration }

var dumpPatience = patience{each: 2 * time.Second, all: 6 * time.Second}

// elementCounters adds up the counters of the elements of maps that count, by the identifiers our shadow has for their
// keys, as far as patience goes.
func elementCounters(netns int, table string, sets []*ruleset.Set, p patience, sums map[model.RuleID]ir.Counter) error {
	end := time.Now().Add(p.all)
	var c *netlink.Conn
	hangUp := func() {
		if c != nil {
			_ = c.Close()
			c = nil
		}
	}
	defer hangUp()
	for _, s := range sets {
		if !s.Counters || len(s.Elements) == 0 {
			continue
		}
		if time.Now().After(end) {
			break
		}
		if c == nil {
			var err error
			if c, err = netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: netns}); err != nil {
				return err
			}
		}
		err := dumpElements(c, table, s, p.each, sums)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			hangUp() // what is still on its way would be taken for the next map's
		} else if err != nil {
			return fmt.Errorf("counters of map %s: %w", s.Name, err)
		}
	}
	return nil
}

func dumpElements(c *netlink.Conn, table string, s *ruleset.Set, patience time.Duration, sums map[model.RuleID]ir.Counter) error {
	attrs, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_SET_ELEM_LIST_TABLE, Data: append([]byte(table), 0)},
		{Type: unix.NFTA_SET_ELEM_LIST_SET, Data: append([]byte(s.Name), 0)},
	})
	if err != nil {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	replies, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: nftType(unix.NFT_MSG_GETSETELEM), Flags: netlink.Request | netlink.Dump},
		Data:   append([]byte{unix.NFPROTO_INET, unix.NFNETLINK_V0, 0, 0}, attrs...),
	})
	if errors.Is(err, unix.ENOENT) {
		return nil
	} else if err != nil {
		return err
	}
	ids := make(map[string]model.RuleID, len(s.Elements))
	single := !s.Concatenated()
	for i := range s.Elements {
		e := &s.Elements[i]
		if single {
			ids[e.Key[:s.Fields[0].Len()]] = e.ID
		} else {
			ids[e.Key+e.End] = e.ID
		}
	}
	for _, m := range replies {
		if len(m.Data) < nfgenmsgLen {
			continue
		}
		err := eachElement(m.Data[nfgenmsgLen:], func(key, end string, n ir.Counter) {
			id, ok := ids[key+end]
			if !ok && end == "" {
				id, ok = ids[key+key] // the kernel leaves out an end that equals the key
			}
			if ok && id != 0 {
				sums[id] = plus(sums[id], n)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Attributes that golang.org/x/sys/unix lacks (uapi/linux/netfilter/nf_tables.h).
const (
	attrElemKeyEnd      = 10 // NFTA_SET_ELEM_KEY_END
	attrElemExpressions = 11 // NFTA_SET_ELEM_EXPRESSIONS
)

// eachElement reads one message of an element dump.
func eachElement(b []byte, f func(key, end string, n ir.Counter)) error {
	ad, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return err
	}
	for ad.Next() {
		if ad.Type() != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			continue
		}
		ad.Nested(func(list *netlink.AttributeDecoder) error {
			for list.Next() {
				list.Nested(func(el *netlink.AttributeDecoder) error {
					readElement(el, f)
					return nil
				})
			}
			return nil
		})
	}
	return ad.Err()
}

func readElement(el *netlink.AttributeDecoder, f func(key, end string, n ir.Counter)) {
	var key, end string
	var counted dumpedRule
	for el.Next() {
		switch el.Type() {
		case unix.NFTA_SET_ELEM_KEY:
			el.Nested(func(v *netlink.AttributeDecoder) error { key = dataValue(v); return nil })
		case attrElemKeyEnd:
			el.Nested(func(v *netlink.AttributeDecoder) error { end = dataValue(v); return nil })
		case unix.NFTA_SET_ELEM_EXPR:
			el.Nested(counted.expression)
		case attrElemExpressions:
			el.Nested(func(list *netlink.AttributeDecoder) error {
				for list.Next() {
					list.Nested(counted.expression)
				}
				return nil
			})
		}
	}
	if counted.counted {
		f(key, end, counted.counter)
	}
}

// dataValue reads the NFTA_DATA_VALUE of a key.
func dataValue(ad *netlink.AttributeDecoder) string {
	ad.ByteOrder = binary.BigEndian
	for ad.Next() {
		if ad.Type() == unix.NFTA_DATA_VALUE {
			return string(ad.Bytes())
		}
	}
	return ""
}
