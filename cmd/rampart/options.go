package main

import (
	"rampart/conf"
	"rampart/engine/conntrack"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft"
	"rampart/nft/lower"
)

// programOptions are the settings of the daemon's configuration that change what a program means.
func programOptions(c *conf.Daemon) ir.Options {
	o := ir.Options{
		WorkloadPrefixes: c.WorkloadInterfacePrefixes,
		FailsafeIn:       failsafes(c.Failsafe.Inbound),
		FailsafeOut:      failsafes(c.Failsafe.Outbound),
		EndpointToHost:   model.Deny,
		Reject:           c.DenyAction == conf.ActionReject,
		KeepInvalid:      !c.DropInvalid,
		LogGroup:         c.Log.Group,
		LogPrefix:        c.Log.Prefix,
		LogRate:          c.Log.Rate,
	}
	if c.ConntrackRevalidate {
		o.CutMark = conntrack.DefaultMark
	}
	switch c.EndpointToHostAction {
	case conf.ActionAccept:
		o.EndpointToHost = model.Allow
	case conf.ActionReturn:
		o.EndpointToHost = model.Pass
	}
	return o
}

func failsafes(list []conf.FailsafePort) []ir.Failsafe {
	out := make([]ir.Failsafe, len(list))
	for i, f := range list {
		out[i] = ir.Failsafe(f)
	}
	return out
}

// nftConfig are the settings of the daemon's configuration that concern the nftables table.
func nftConfig(c *conf.Daemon) nft.Config {
	return nft.Config{
		Table: c.Table, Group: lowering(c),
		Limits: nft.Limits{
			Elements: c.Limits.Elements, SetElements: c.Limits.SetElements, Rules: c.Limits.Rules, Chains: c.Limits.Chains,
			Sets: c.Limits.Sets, Memory: int64(c.Limits.Memory),
		},
	}
}

// lowering is how groups of policies become chains and maps.
func lowering(c *conf.Daemon) lower.GroupFunc {
	if c.Lowering == conf.LoweringLookups {
		return lower.Blocks
	}
	return lower.Walk
}
