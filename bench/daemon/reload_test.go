package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"rampart/bench/lab"
	"rampart/engine/api"
)

// flood sends first packets of new connections to ports 1 to 4 of the database, without pause, until stopped, and
// counts where they arrived.
type flood struct {
	cancel context.CancelFunc
	done   chan struct{}
	sent   int
	passed [5]int // by port
	err    error
}

func (b *bench) flood() *flood {
	ctx, cancel := context.WithCancel(b.ctx)
	f := &flood{cancel: cancel, done: make(chan struct{})}
	var probes []lab.Probe
	for range 16 {
		for port := range uint16(4) {
			for _, family := range []int{4, 6} {
				p := b.syn("web", "db", family, port+1)
				p.Packet.SrcPort += uint16(len(probes))
				probes = append(probes, p)
			}
		}
	}
	go func() {
		defer close(f.done)
		for ctx.Err() == nil {
			arrived, err := b.prober.Send(probes...)
			if err != nil {
				f.err = err
				return
			}
			for i, at := range arrived {
				f.sent++
				if at == "db" {
					f.passed[probes[i].Packet.DstPort]++
				}
			}
		}
	}()
	return f
}

// stop ends the flood and checks that it saw one of the policies in every packet: port 1, open in both, always; port
// 2, open in neither, never.
func (f *flood) stop(b *bench) {
	b.Helper()
	f.cancel()
	<-f.done
	if f.err != nil {
		b.Fatal(f.err)
	}
	each := f.sent / 4
	b.Logf("%d packets a port; passed: %v", each, f.passed[1:])
	if f.passed[1] != each {
		b.Errorf("%d of %d packets that both policies allow were dropped", each-f.passed[1], each)
	}
	if f.passed[2] != 0 {
		b.Errorf("%d packets that both policies deny passed", f.passed[2])
	}
}

// Policies change under a flood of new connections: every packet meets the old policy or the new one, none meets
// neither. A connection that was open before stays open throughout.
func TestReloadUnderFlood(t *testing.T) {
	b := newBench(t, database("1, 3"))
	d := b.start()
	db := b.top.Peer("db")
	at := b.echo(db.Namespace, db.Addr(4), 1)
	conn, err := b.top.Peer("web").Dial(b.ctx, "tcp", netip.AddrPort{}, at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	f := b.flood()
	const changes = 20
	for i := range changes {
		ports := "1, 4"
		if i%2 == 1 {
			ports = "1, 3"
		}
		before := b.generation(d)
		b.write(database(ports))
		b.after(d, before)
	}
	f.stop(b)
	if f.passed[3] == 0 || f.passed[3] == f.sent/4 || f.passed[4] == 0 || f.passed[4] == f.sent/4 {
		t.Errorf("the policies did not change under the flood: ports 3 and 4 passed %d and %d of %d", f.passed[3], f.passed[4], f.sent/4)
	}
	// The prober forgets connections; the kernel takes a packet in mid-connection for a new one, which policy allows.
	if err := lab.Exchange(b.within(5*time.Second), conn); err != nil {
		t.Errorf("the open connection broke: %v", err)
	}
}

// intervals is a policy whose rules match prefixes and ranges, which nftables keeps in sets of intervals: port 1 is for
// everybody, port 2 forbidden to many, one of them the frontend, and port 3 or 4 for some. What differs from one number
// to the next makes new sets.
func intervals(n int) string {
	var nets4, nets6 []string
	for i := range 200 {
		nets4 = append(nets4, fmt.Sprintf("%q", fmt.Sprintf("172.%d.%d.0/24", 16+n%8, i%256)))
		nets6 = append(nets6, fmt.Sprintf("%q", fmt.Sprintf("fd%02x:%x::/32", 128+n%64, i)))
	}
	rule := func(action, nets, ports string) string {
		return fmt.Sprintf("  ingress {\n    action = %q\n    protocol = \"TCP\"\n    source { nets = [%s] }\n    destination { ports = [%s] }\n  }\n", action, nets, ports)
	}
	list4 := `"10.65.0.0/29", ` + strings.Join(nets4, ", ")
	list6 := `"fd65::/124", ` + strings.Join(nets6, ", ")
	var rules strings.Builder
	for i := range 20 { // many of the same shape, so that they are gathered into maps
		other := fmt.Sprintf(`"10.%d.0.0/16"`, 100+(i+n)%100)
		rules.WriteString(rule("Deny", other, fmt.Sprintf(`"%d:%d"`, 1000+i*10, 1005+i*10+n%4)))
	}
	rules.WriteString(rule("Deny", list4, "2") + rule("Deny", list6, "2"))
	rules.WriteString(rule("Allow", list4, fmt.Sprint(3+n%2)) + rule("Allow", list6, fmt.Sprint(3+n%2)))
	rules.WriteString("  ingress {\n    action = \"Allow\"\n    protocol = \"TCP\"\n    destination { ports = [\"1:2\"] }\n  }\n")
	return "network_policy \"database\" {\n  namespace = \"prod\"\n  selector = \"role == 'database'\"\n  types = [\"Ingress\"]\n" + rules.String() + "}\n"
}

// The same with policies that make nftables build new sets of intervals, which it fills only at the end of a change.
func TestReloadUnderFloodWithIntervals(t *testing.T) {
	b := newBench(t, intervals(0))
	d := b.start()
	f := b.flood()
	for i := range 20 {
		before := b.generation(d)
		b.write(intervals(i + 1))
		b.after(d, before)
	}
	f.stop(b)
	if f.passed[3] == 0 || f.passed[4] == 0 {
		t.Errorf("ports 3 and 4 passed %d and %d of %d", f.passed[3], f.passed[4], f.sent/4)
	}
}

// A broken edit changes nothing in the kernel and names its line; the policy in force stays, and mending it is enough.
func TestBrokenEdit(t *testing.T) {
	b := newBench(t, database("1"))
	d := b.start()
	before := b.nft("", "-s", "list", "ruleset")
	broken := database("1, 2") + "\nnetwork_polcy \"typo\" {}\n"
	b.write(broken)
	line := 1 + strings.Count(endpoints+broken[:strings.Index(broken, "network_polcy")], "\n")
	s := b.until(d, "the broken file is reported", func(s *api.Status) bool {
		return len(s.Sources) == 1 && s.Sources[0].State == api.SourceFailed
	})
	found := false
	for _, diag := range s.Sources[0].Diagnostics {
		found = found || diag.File == b.policy && diag.Line == line
	}
	if !found {
		t.Errorf("no diagnostic names %s:%d: %+v", b.policy, line, s.Sources[0].Diagnostics)
	}
	if !strings.Contains(d.Log(), "policy.hcl:") {
		t.Errorf("the log does not name the file")
	}
	if after := b.nft("", "-s", "list", "ruleset"); after != before {
		t.Errorf("the kernel's ruleset changed from\n%s\nto\n%s", before, after)
	}
	b.reach("web", "db", map[uint16]bool{1: true, 2: false})
	generation := b.generation(d)
	b.write(database("1, 2"))
	b.after(d, generation)
	b.reach("web", "db", map[uint16]bool{1: true, 2: true, 3: false})
}

// SIGHUP reads the files again, also when nothing tells that they changed.
func TestHangup(t *testing.T) {
	b := newBench(t, database("1"))
	d := b.start()
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	b.write(database("2"))
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	for port := uint16(2); ; {
		at, err := b.prober.Send(b.syn("web", "db", 4, port))
		if err != nil {
			t.Fatal(err)
		}
		if at[0] == "db" {
			break
		}
		if b.ctx.Err() != nil {
			t.Fatal("the new policy never came into force")
		}
	}
	b.reach("web", "db", map[uint16]bool{1: false, 2: true})
}

// Without a complete first bundle nothing is written to the kernel at all.
func TestBrokenStart(t *testing.T) {
	b := newBench(t, "this is no policy")
	d := b.launch()
	b.until(d, "the broken file is reported", func(s *api.Status) bool {
		return len(s.Sources) == 1 && len(s.Sources[0].Diagnostics) > 0
	})
	if out := b.nft("", "list", "ruleset"); out != "" {
		t.Errorf("a ruleset was loaded:\n%s", out)
	}
	b.reach("web", "db", map[uint16]bool{1: true})
	b.write(database("2"))
	if err := d.Ready(b.ctx); err != nil {
		t.Fatal(err)
	}
	b.reach("web", "db", map[uint16]bool{1: false, 2: true})
}

// A connection that was allowed stays open when its policy goes; a new one is refused.
func TestEstablishedConnectionSurvives(t *testing.T) {
	b := newBench(t, database("1"))
	d := b.start()
	db := b.top.Peer("db")
	for _, family := range []int{4, 6} {
		at := b.echo(db.Namespace, db.Addr(family), 1)
		conn, err := b.top.Peer("web").Dial(b.ctx, "tcp", netip.AddrPort{}, at)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := lab.Exchange(b.within(5*time.Second), conn); err != nil {
			t.Fatal(err)
		}
		before := b.generation(d)
		b.write(database("2"))
		b.after(d, before)
		if err := lab.Exchange(b.within(5*time.Second), conn); err != nil {
			t.Errorf("IPv%d: the open connection broke: %v", family, err)
		}
		if err := lab.Ask(b.within(300*time.Millisecond), b.top.Peer("web").Namespace, "tcp", at); err == nil || !os.IsTimeout(err) {
			t.Errorf("IPv%d: a new connection got %v, want a time-out", family, err)
		}
		before = b.generation(d)
		b.write(database("1"))
		b.after(d, before)
	}
}
