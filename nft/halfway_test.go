package nft

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"rampart/bench/lab"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/lower"
)

// hostProgram guards interfaces of a node, eth0 when none is named; only one port may be reached.
func hostProgram(port uint16, interfaces ...string) *ir.Program {
	if len(interfaces) == 0 {
		interfaces = []string{"eth0"}
	}
	p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	p.Metadata.Name, p.Spec.Selector = "in", "all()"
	tcp := model.Protocol{Name: "TCP", Number: model.ProtoTCP}
	p.Spec.Ingress = []model.Rule{{Action: model.Allow, Protocol: tcp, Destination: model.EntityRule{Ports: []model.Port{{Min: port, Max: port}}}}}
	resources := []model.Resource{p}
	for _, name := range interfaces {
		host := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
		host.Metadata.Name, host.Spec = name, model.HostEndpointSpec{Node: "n1", InterfaceName: name}
		resources = append(resources, host)
	}
	return compile.Compile(store.ViewOf(resources...), compile.Host{Node: "n1"}, ir.Options{EndpointToHost: model.Deny})
}

// TestInterruptedReplacement stops the replacement of a table at every point between its transactions. Whoever goes on from
// there, the same daemon or the next one, never leaves the host without a policy, not for a moment.
func TestInterruptedReplacement(t *testing.T) {
	l := lab.ForTest(t)
	count := 0
	for name, interrupted := range map[string]func(t *testing.T, b *Backend, next *lower.Lowered, old *nftables.Table){
		"before": func(*testing.T, *Backend, *lower.Lowered, *nftables.Table) {},
		"the stand-in is prepared": func(t *testing.T, b *Backend, next *lower.Lowered, _ *nftables.Table) {
			batch := newBatch(b.conn, standInOf(b), nil)
			batch.prepareWhole(next.Ruleset)
			must(t, batch.flush(0))
		},
		"the stand-in is in force": func(t *testing.T, b *Backend, next *lower.Lowered, _ *nftables.Table) {
			must(t, b.build(next, standInOf(b), nil, nil, 0))
		},
		"the old table is empty": func(t *testing.T, b *Backend, next *lower.Lowered, old *nftables.Table) {
			must(t, b.build(next, standInOf(b), nil, nil, 0))
			must(t, b.empty(old))
		},
		"the old table is gone": func(t *testing.T, b *Backend, next *lower.Lowered, old *nftables.Table) {
			must(t, b.build(next, standInOf(b), nil, nil, 0))
			b.conn.DelTable(old)
			must(t, b.conn.Flush())
		},
		"the new table is prepared": func(t *testing.T, b *Backend, next *lower.Lowered, old *nftables.Table) {
			must(t, b.build(next, standInOf(b), nil, nil, 0))
			b.conn.DelTable(old)
			batch := newBatch(b.conn, b.fresh(), nil)
			batch.prepareWhole(next.Ruleset)
			must(t, batch.flush(0))
		},
		"the new table is in force": func(t *testing.T, b *Backend, next *lower.Lowered, old *nftables.Table) {
			must(t, b.build(next, standInOf(b), nil, nil, 0))
			must(t, b.build(next, b.fresh(), old, nil, 0))
		},
		"the stand-in is empty": func(t *testing.T, b *Backend, next *lower.Lowered, old *nftables.Table) {
			must(t, b.build(next, standInOf(b), nil, nil, 0))
			must(t, b.build(next, b.fresh(), old, nil, 0))
			must(t, b.empty(standInOf(b)))
		},
	} {
		for _, restart := range []bool{false, true} {
			who := "the same daemon goes on"
			if restart {
				who = "another daemon goes on"
			}
			t.Run(name+", "+who, func(t *testing.T) {
				count++
				ns, err := l.Namespace(fmt.Sprint("n", count))
				must(t, err)
				b := connected(t, ns)
				_, err = b.Apply(t.Context(), hostProgram(1))
				must(t, err)
				next, err := b.config.lower(hostProgram(2), nil)
				must(t, err)
				old, err := b.find()
				must(t, err)
				interrupted(t, b, next, old)
				b.state = nil
				if restart {
					must(t, b.Close())
					b = connected(t, ns)
				}
				open := watchForGaps(t, ns)
				_, err = b.Apply(t.Context(), hostProgram(3))
				must(t, err)
				if gaps, commits := open(); gaps > 0 || commits == 0 {
					t.Errorf("no policy was in force after %d of %d commits", gaps, commits)
				}
				tables, err := b.conn.ListTables()
				must(t, err)
				if len(tables) != 1 || tables[0].Name != "rampart" {
					t.Errorf("there are %d tables afterwards", len(tables))
				}
				_, err = b.Apply(t.Context(), hostProgram(4))
				must(t, err)
				if b.state == nil {
					t.Error("what is in force is not known")
				}
			})
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func connected(t *testing.T, ns *lab.Namespace) *Backend {
	t.Helper()
	b, err := New(Config{NetNS: ns.FD()})
	must(t, err)
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func standInOf(b *Backend) *nftables.Table {
	table := *b.fresh()
	table.Name += handoverSuffix
	return &table
}

// watchForGaps follows the kernel's announcements. The function it returns tells after how many commits, of how many,
// no chain named input of any table had a rule.
func watchForGaps(t *testing.T, ns *lab.Namespace) func() (gaps, commits int) {
	t.Helper()
	b := connected(t, ns)
	c, err := b.subscribe()
	must(t, err)
	rules := map[string]int{}
	for _, table := range []string{"rampart", "rampart" + handoverSuffix} {
		list, err := dumpRules(ns.FD(), table)
		if err != nil && !strings.Contains(err.Error(), "no such file") {
			t.Fatal(err)
		}
		for _, r := range list {
			if r.chain == "input" {
				rules[table]++
			}
		}
	}
	return func() (gaps, commits int) {
		defer c.Close()
		// Another daemon's table, of another family, is the last of what there is to hear.
		other := connected(t, ns)
		end := other.conn.AddTable(&nftables.Table{Name: "end", Family: nftables.TableFamilyARP})
		must(t, other.conn.Flush())
		defer func() {
			other.conn.DelTable(end)
			must(t, other.conn.Flush())
		}()
		must(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
		for {
			messages, err := c.Receive()
			must(t, err)
			for _, m := range messages {
				switch kind := int(m.Header.Type) & 0xff; kind {
				case unix.NFT_MSG_NEWTABLE:
					if m.Data[0] == unix.NFPROTO_ARP {
						return gaps, commits
					}
				case unix.NFT_MSG_NEWRULE, unix.NFT_MSG_DELRULE:
					table, chain := whichChain(t, m)
					if chain == "input" && kind == unix.NFT_MSG_NEWRULE {
						rules[table]++
					} else if chain == "input" {
						rules[table]--
					}
				case unix.NFT_MSG_NEWGEN:
					commits++
					if rules["rampart"]+rules["rampart"+handoverSuffix] == 0 {
						gaps++
					}
				}
			}
		}
	}
}

func whichChain(t *testing.T, m netlink.Message) (table, chain string) {
	t.Helper()
	ad, err := netlink.NewAttributeDecoder(m.Data[nfgenmsgLen:])
	must(t, err)
	ad.ByteOrder = binary.BigEndian
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_RULE_TABLE:
			table = ad.String()
		case unix.NFTA_RULE_CHAIN:
			chain = ad.String()
		}
	}
	return table, chain
}

// A stand-in that belongs to a running daemon is left alone.
func TestStandInOfAnother(t *testing.T) {
	l := lab.ForTest(t)
	ns, err := l.Namespace("a")
	must(t, err)
	first, second := connected(t, ns), connected(t, ns)
	next, err := first.config.lower(hostProgram(2), nil)
	must(t, err)
	must(t, first.build(next, standInOf(first), nil, nil, 0))
	if first.state == nil || first.state.owner == 0 {
		t.Skip("this kernel has no persistent table owner (Linux 6.9)")
	}
	if _, err := second.Apply(context.Background(), hostProgram(3)); err == nil || !strings.Contains(err.Error(), ErrTableInUse.Error()) {
		t.Errorf("the second daemon's error is %v", err)
	}
}
