package xdp

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// rulesetGeneration asks for the generation of the nftables ruleset (uapi linux/netfilter/nf_tables.h, NFT_MSG_GETGEN).
// google/nftables asks with pselect(2), which cannot name descriptors from 1024 on, and panics when its socket has one.
func rulesetGeneration() (uint32, error) {
	const nfgenmsgLen = 4
	request := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETGEN, 0)
	request.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_UNSPEC, Version: unix.NFNETLINK_V0})
	replies, err := request.Execute(unix.NETLINK_NETFILTER, 0)
	if err != nil {
		return 0, err
	}
	for _, b := range replies {
		if len(b) < nfgenmsgLen {
			continue
		}
		attrs, err := nl.ParseRouteAttr(b[nfgenmsgLen:])
		if err != nil {
			return 0, fmt.Errorf("attributes: %w", err)
		}
		for _, a := range attrs {
			if a.Attr.Type == unix.NFTA_GEN_ID && len(a.Value) == 4 {
				return binary.BigEndian.Uint32(a.Value), nil
			}
		}
	}
	return 0, errors.New("the kernel tells none")
}
