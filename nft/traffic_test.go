package nft_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"

	"rampart/bench/lab"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft"
	"rampart/nft/lower"
)

// guarded is a namespace with an interface eth0 to a host 192.0.2.2 that listens on no port.
func guarded(t *testing.T) *lab.Namespace {
	t.Helper()
	ns := hosts(t, 2)
	at := func(addr string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(addr)} }
	err := lab.Veth(lab.End{Namespace: ns[0], Interface: "eth0", Addrs: at("192.0.2.1/24")}, lab.End{Namespace: ns[1], Interface: "eth0", Addrs: at("192.0.2.2/24")})
	if err != nil {
		t.Fatal(err)
	}
	return ns[0]
}

// send sends n datagrams to each port of 192.0.2.2, from a new socket each.
func send(t *testing.T, ns *lab.Namespace, n int, ports ...int) {
	t.Helper()
	err := ns.Do(func() error {
		for range n {
			for _, port := range ports {
				c, err := net.Dial("udp", fmt.Sprintf("192.0.2.2:%d", port))
				if err != nil {
					return err
				}
				_, _ = c.Write([]byte("x")) // a denied datagram is an error of Write
				_ = c.Close()
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// egress is a program with a host endpoint on eth0 and one policy.
func egress(opts ir.Options, rules ...model.Rule) *ir.Program {
	host := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	host.Metadata.Name, host.Spec = "h1", model.HostEndpointSpec{Node: "n1", InterfaceName: "eth0"}
	p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	p.Metadata.Name, p.Spec.Selector, p.Spec.Types = "out", "all()", []model.Direction{model.Egress}
	p.Spec.Egress = rules
	return compile.Compile(store.ViewOf(host, p), compile.Host{Node: "n1"}, opts)
}

func udp(action model.Action, ports ...uint16) model.Rule {
	r := model.Rule{Action: action, Protocol: model.ProtocolNumber(model.ProtoUDP)}
	for _, p := range ports {
		r.Destination.Ports = append(r.Destination.Ports, model.SinglePort(p))
	}
	return r
}

// counts reads counters by the names of what they count.
func counts(t *testing.T, b *nft.Backend) map[string]uint64 {
	t.Helper()
	all, err := b.Counters(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]uint64{}
	for id, n := range all {
		name := b.CounterName(id)
		if name == "" {
			t.Errorf("a counter has no name: %s", id)
		}
		if strings.HasPrefix(name, "tier-default:") {
			name, _, _ = strings.Cut(name, " ")
		}
		out[name] += n.Packets
	}
	return out
}

// TestCountersFollowTheirRules checks that a rule's count survives changes around it, its own replacement, a restart of
// the daemon, and a change of the table by others.
func TestCountersFollowTheirRules(t *testing.T) {
	ns := guarded(t)
	b := backend(t, ns, nft.Config{})
	first, second := udp(model.Allow, 1001), udp(model.Allow, 1002)
	want := func(step string, b *nft.Backend, want map[string]uint64) {
		t.Helper()
		got := counts(t, b)
		for name, n := range want {
			if got[name] != n {
				t.Errorf("%s: %s has counted %d packets, want %d (all: %v)", step, name, got[name], n, got)
			}
		}
	}
	const rule, deflt = "default/GlobalNetworkPolicy:out[%d]", "tier-default:default"
	at := func(i int) string { return fmt.Sprintf(rule, i) }

	apply(t, b, egress(options, first, second))
	send(t, ns, 3, 1001, 1002, 1003)
	send(t, ns, 2, 1002)
	want("at first", b, map[string]uint64{at(0): 3, at(1): 5, deflt: 3})

	apply(t, b, egress(options, second, udp(model.Deny, 7)))
	send(t, ns, 1, 1002)
	want("rule moved up", b, map[string]uint64{at(0): 6, at(1): 0, deflt: 3})

	rejecting := options
	rejecting.Reject = true
	apply(t, b, egress(rejecting, second, udp(model.Deny, 7)))
	want("every rule replaced", b, map[string]uint64{at(0): 6, deflt: 3})

	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	again := backend(t, ns, nft.Config{})
	apply(t, again, egress(options, second))
	send(t, ns, 1, 1002, 1003)
	want("daemon restarted", again, map[string]uint64{at(0): 7, deflt: 4})
}

// TestCounterOfSeveralRules has a policy rule that is several nftables rules, and replaces them: what they have counted is handed
// on once.
func TestCounterOfSeveralRules(t *testing.T) {
	ns := guarded(t)
	b := backend(t, ns, nft.Config{})
	echo := 8
	r := model.Rule{Action: model.Allow, NotICMP: &model.ICMP{Type: &echo}, Origin: model.Origin{File: "a.yaml", Line: 1}}
	apply(t, b, egress(options, r))
	if n := strings.Count(cli(t, ns, "", "list", "table", "inet", "rampart"), "a.yaml:1 "); n < 2 {
		t.Fatalf("the rule is %d rules of nftables", n)
	}
	send(t, ns, 3, 1001)
	for _, line := range []int{2, 3} {
		r.Origin.Line = line
		apply(t, b, egress(options, r))
		if got := counts(t, b)["default/GlobalNetworkPolicy:out[0]"]; got != 3 {
			t.Errorf("written in line %d the rule has counted %d packets, want 3", line, got)
		}
	}
}

// TestDeltaLeavesTheRestAlone checks that a change of one policy touches none of the other rules: they keep their
// handles.
func TestDeltaLeavesTheRestAlone(t *testing.T) {
	ns := guarded(t)
	b := backend(t, ns, nft.Config{})
	apply(t, b, egress(options, udp(model.Allow, 1), udp(model.Allow, 2), udp(model.Allow, 3)))
	before := handles(cli(t, ns, "", "-a", "list", "table", "inet", "rampart"))
	apply(t, b, egress(options, udp(model.Allow, 1), udp(model.Allow, 20), udp(model.Allow, 3)))
	after := handles(cli(t, ns, "", "-a", "list", "table", "inet", "rampart"))
	same := 0
	for line, handle := range before {
		if after[line] == handle {
			same++
		}
	}
	if len(before)-same != 1 || len(after) != len(before) {
		t.Errorf("of %d objects %d kept their handle and there are %d now", len(before), same, len(after))
	}
}

func handles(listing string) map[string]string {
	out := map[string]string{}
	for _, l := range strings.Split(listing, "\n") {
		if text, handle, ok := strings.Cut(strings.TrimSpace(l), " # handle "); ok {
			out[text] = handle
		}
	}
	return out
}

// TestForeignChanges lets others flush, change and delete in a table without an owner; each time the watcher must tell
// and the next Apply repair.
func TestForeignChanges(t *testing.T) {
	ns := guarded(t)
	cli(t, ns, "table inet other { chain c { type filter hook input priority 5; policy accept; counter comment \"theirs\"; }\n}\n", "-f", "-")
	other := cli(t, ns, "", "list", "table", "inet", "other")
	b := backend(t, ns, nft.Config{Shared: true})
	p := egress(options, udp(model.Allow, 1001))
	apply(t, b, p)
	whole := cli(t, ns, "", "list", "table", "inet", "rampart")

	seen := make(chan string, 10)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.WatchDrift(ctx, func(what string) { seen <- what }) }()
	waitFor(t, "the watch", func() bool { return nft.Watching(b) })

	for _, c := range []struct{ command, want string }{
		{"flush chain inet rampart output", "rule deleted"},
		{"add rule inet rampart output drop", "rule added"},
		{"delete element inet rampart failsafe-out { udp . 53 }", "element deleted"},
		{"flush table inet rampart", "rule deleted"},
		{"delete table inet rampart", ""},
	} {
		cli(t, ns, c.command+"\n", "-f", "-")
		select {
		case what := <-seen:
			if !strings.HasPrefix(what, c.want) || !strings.Contains(what, " by nft (process ") {
				t.Errorf("%s was reported as %q", c.command, what)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: nobody noticed", c.command)
		}
		apply(t, b, p)
		if got := cli(t, ns, "", "list", "table", "inet", "rampart"); got != whole {
			t.Errorf("%s: not repaired:\n%s", c.command, got)
		}
	}
	// Changes elsewhere are nobody's business, and our own are not drift.
	cli(t, ns, "add rule inet other c accept\n", "-f", "-")
	apply(t, b, egress(options, udp(model.Allow, 1002)))
	apply(t, b, p)
	cli(t, ns, "flush chain inet rampart output\n", "-f", "-")
	if what := <-seen; !strings.HasPrefix(what, "rule deleted") {
		t.Errorf("seen %q", what)
	}
	apply(t, b, p)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := cli(t, ns, "", "list", "table", "inet", "other"); got != strings.Replace(other, "\t}", "\t\taccept\n\t}", 1) {
		t.Errorf("the other table has changed:\n%s\n%s", other, got)
	}
	if err := b.Clear(context.Background()); err != nil {
		t.Error(err)
	}
	if got := cli(t, ns, "", "list", "tables"); strings.TrimSpace(got) != "table inet other" {
		t.Errorf("after Clear there is %q", got)
	}
}

// TestWatchBegins tells that nobody listens while the table is made, nor later when nobody else can change it; and that what
// others did before somebody listened is noticed.
func TestWatchBegins(t *testing.T) {
	for _, shared := range []bool{true, false} {
		ns := guarded(t)
		b := backend(t, ns, nft.Config{Shared: shared})
		seen := make(chan string, 10)
		watch := func() (stop func()) {
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- b.WatchDrift(ctx, func(what string) { seen <- what }) }()
			return func() {
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		}
		stop := watch()
		p := egress(options, udp(model.Allow, 1001))
		if apply(t, b, p); !shared && !nft.Owned(b) {
			stop()
			t.Skip("this kernel does not know owners of tables")
		}
		if shared {
			waitFor(t, "the watch", func() bool { return nft.Watching(b) })
		} else if nft.Watching(b) {
			t.Error("a table that nobody else can change is watched")
		}
		stop()
		if !shared {
			continue
		}
		cli(t, ns, "flush chain inet rampart output\n", "-f", "-")
		stop = watch()
		if what := <-seen; what != "a change before it was watched for" {
			t.Errorf("seen %q", what)
		}
		stop()
	}
}

func waitFor(t *testing.T, what string, ready func() bool) {
	t.Helper()
	for range 500 {
		if ready() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s has not come", what)
}

// TestOwnedTable checks what ownership gives: nobody else can change the table, it outlives its owner, and the next
// process takes it over in one transaction.
func TestOwnedTable(t *testing.T) {
	ns := guarded(t)
	b := backend(t, ns, nft.Config{})
	p := egress(options, udp(model.Allow, 1001))
	apply(t, b, p)
	if !nft.Owned(b) {
		t.Skip("this kernel has no persistent table owner (Linux 6.9)")
	}
	whole := normalise(cli(t, ns, "", "list", "ruleset"))
	same := func(when string) {
		t.Helper()
		if got := normalise(cli(t, ns, "", "list", "ruleset")); strings.Join(got, "\n") != strings.Join(whole, "\n") {
			t.Errorf("%s the table is\n%s", when, strings.Join(got, "\n"))
		}
	}
	cli(t, ns, "flush ruleset\n", "-f", "-")
	same("after a foreign flush ruleset")
	if out, err := tryCLI(ns, "", "delete", "table", "inet", "rampart"); err == nil {
		t.Errorf("others can delete the table: %s", out)
	}
	second := backend(t, ns, nft.Config{})
	if _, err := second.Apply(context.Background(), p); err == nil {
		t.Error("a second daemon took the table from the first")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	same("after its owner has gone")
	apply(t, second, p)
	same("after another process took over")
	if !nft.Owned(second) {
		t.Error("the second process does not own the table")
	}
}

// TestAdoption replaces a table that somebody else made under our name, of another shape and without an owner.
func TestAdoption(t *testing.T) {
	ns := guarded(t)
	cli(t, ns, "table inet rampart { set addrs4-x { type ipv4_addr; }\n chain output { type filter hook output priority 3; policy drop; }\n}\n", "-f", "-")
	b := backend(t, ns, nft.Config{})
	p := egress(options, udp(model.Allow, 1001))
	apply(t, b, p)
	if got := cli(t, ns, "", "list", "ruleset"); strings.Contains(got, "policy drop") || strings.Contains(got, "addrs4-x") {
		t.Errorf("something of the old table is left:\n%s", got)
	}
}

// TestGenerationRace makes foreign commits all the time while programs are applied.
func TestGenerationRace(t *testing.T) {
	ns := guarded(t)
	b := backend(t, ns, nft.Config{})
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		conn, err := nftables.New(nftables.WithNetNSFd(ns.FD()), nftables.AsLasting())
		for i := 0; err == nil; i++ {
			select {
			case <-stop:
				stopped <- conn.CloseLasting()
				return
			default:
			}
			conn.AddTable(&nftables.Table{Name: fmt.Sprint("other", i%3), Family: nftables.TableFamilyIPv4})
			err = conn.Flush()
			time.Sleep(time.Millisecond)
		}
		stopped <- err
	}()
	for i := range uint16(30) {
		apply(t, b, egress(options, udp(model.Allow, 1000+i)))
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if got := cli(t, ns, "", "list", "table", "inet", "rampart"); !strings.Contains(got, "udp dport 1029 ") {
		t.Errorf("the last program is not in force:\n%s", got)
	}
}

// TestLogRulesReachNFLOG sends packets past Log rules and reads them back with rule, policy name and addresses.
func TestLogRulesReachNFLOG(t *testing.T) {
	ns := guarded(t)
	b := backend(t, ns, nft.Config{})
	flows := make(chan ir.Flow, 10)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.WatchFlows(ctx, func(f ir.Flow) { flows <- f }) }()

	p := egress(options, udp(model.Log, 1001), udp(model.Allow, 1001, 1002))
	apply(t, b, p)
	rule := p.Policies[0].Egress[0].ID
	var got ir.Flow
	waitFor(t, "a log packet", func() bool {
		send(t, ns, 1, 1002, 1001)
		select {
		case got = <-flows:
			return true
		case <-time.After(10 * time.Millisecond):
			return false
		}
	})
	if got.Rule != rule || got.Prefix != "rampart default/GlobalNetworkPolicy:out[0]" || got.Out != "eth0" || got.In != "" {
		t.Errorf("reported as %+v", got)
	}
	k := got.Packet
	if k.Src != netip.MustParseAddr("192.0.2.1") || k.Dst != netip.MustParseAddr("192.0.2.2") || k.DstPort != 1001 || k.Protocol != 17 || got.Length != 29 {
		t.Errorf("the packet was read as %v, %d octets", k, got.Length)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestElementCounters counts packets that elements of verdict maps decide, in maps of each shape.
func TestElementCounters(t *testing.T) {
	ns := guarded(t)
	costs := eager()
	costs.Cut = math.MaxFloat64 // one map, not a map of each region
	b := backend(t, ns, nft.Config{Group: lower.BlocksWith(costs)})
	for name, make := range map[string]func(i int) model.Rule{
		"exact": func(i int) model.Rule { return udp(model.Allow, uint16(1000+i)) },
		"ranges": func(i int) model.Rule {
			r := udp(model.Allow)
			r.Destination.Ports = []model.Port{{Min: uint16(1000 + i), Max: uint16(1000 + i)}, {Min: uint16(2000 + 10*i), Max: uint16(2005 + 10*i)}}
			r.Destination.Nets = []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("192.0.2.%d/31", 2+2*(i%2)))}
			if i == 3 {
				r.Destination.Nets = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/29")}
			}
			return r
		},
	} {
		var rules []model.Rule
		for i := range 20 {
			rules = append(rules, make(i))
		}
		apply(t, b, egress(options, rules...))
		if listing := cli(t, ns, "", "list", "table", "inet", "rampart"); !strings.Contains(listing, "\n\t\tcounter\n") {
			t.Fatalf("%s: the rules did not become a map:\n%s", name, listing)
		}
		before := counts(t, b)["default/GlobalNetworkPolicy:out[3]"]
		send(t, ns, 5, 1003)
		if got := counts(t, b)["default/GlobalNetworkPolicy:out[3]"] - before; got != 5 {
			t.Errorf("%s: the rule has counted %d packets of 5\n%s", name, got, cli(t, ns, "", "list", "table", "inet", "rampart"))
		}
	}
}
