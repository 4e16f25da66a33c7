package daemon

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// A daemon that is killed leaves its policy in force; the next one takes over without a gap and leaves nothing behind.
func TestKillAndRestart(t *testing.T) {
	b := newBench(t, database("1, 3"))
	d := b.start()
	want := b.nft("", "-s", "list", "ruleset")
	f := b.flood()
	for range 5 {
		if err := d.Kill(); err != nil {
			t.Fatal(err)
		}
		d = b.start()
	}
	f.stop(b)
	if f.passed[3] != f.sent/4 || f.passed[4] != 0 {
		t.Errorf("ports 3 and 4 passed %d and %d of %d", f.passed[3], f.passed[4], f.sent/4)
	}
	if got := b.tables(); !slices.Equal(got, []string{"table inet rampart"}) {
		t.Errorf("tables after the restarts: %v", got)
	}
	if got := b.nft("", "-s", "list", "ruleset"); got != want {
		t.Errorf("the ruleset after the restarts differs:\n%s\nwant\n%s", got, want)
	}
}

// A daemon that is killed and comes back to other policies replaces the old ones in one step.
func TestRestartWithOtherPolicy(t *testing.T) {
	b := newBench(t, database("1, 3"))
	d := b.start()
	f := b.flood()
	for i := range 4 {
		if err := d.Kill(); err != nil {
			t.Fatal(err)
		}
		b.write(database([]string{"1, 4", "1, 3"}[i%2]))
		d = b.start()
	}
	f.stop(b)
	if f.passed[3] == 0 || f.passed[4] == 0 {
		t.Errorf("ports 3 and 4 passed %d and %d of %d", f.passed[3], f.passed[4], f.sent/4)
	}
}

// A daemon that is killed in the midst of a storm of changes, wherever that is, leaves one of the policies in force; the next one
// goes on from there.
func TestKilledInTheMidstOfChanges(t *testing.T) {
	b := newBench(t, intervals(0))
	d := b.start()
	f := b.flood()
	dice := rand.New(rand.NewPCG(1, 2))
	for i := range 12 {
		// Some of the changes are new sets, some other rules. Each is read at once or with those after it.
		for n := range 1 + dice.IntN(4) {
			policy := intervals(10*i + n)
			if dice.IntN(3) == 0 {
				policy = database("1, 3")
			}
			b.write(policy)
			time.Sleep(time.Duration(dice.IntN(40)) * time.Millisecond)
		}
		if err := d.Kill(); err != nil {
			t.Fatal(err)
		}
		if dice.IntN(2) == 0 {
			// The next one is killed while it takes over.
			d = b.launch()
			time.Sleep(time.Duration(dice.IntN(150)) * time.Millisecond)
			if err := d.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		d = b.start()
	}
	f.stop(b)
	if got := b.tables(); !slices.Equal(got, []string{"table inet rampart"}) {
		t.Errorf("tables after the restarts: %v", got)
	}
	got := b.nft("", "-s", "list", "ruleset")
	if err := d.Kill(); err != nil {
		t.Fatal(err)
	}
	b.nft("", "flush", "ruleset")
	b.start()
	if want := b.nft("", "-s", "list", "ruleset"); got != want {
		t.Errorf("the ruleset after the restarts:\n%s\nof a fresh start:\n%s", got, want)
	}
}

// Tables of others are as they were, after everything that a daemon does in its life.
func TestOthersUntouched(t *testing.T) {
	const others = `table ip nat {
	chain postrouting {
		type nat hook postrouting priority 100; policy accept;
		oifname "nowhere" masquerade
	}
}
table inet filter {
	set blocked { type ipv4_addr; elements = { 192.0.2.1 } }
	chain input {
		type filter hook input priority 10; policy accept;
		ip saddr @blocked counter drop
	}
}
table netdev ingress {
}
`
	b := newBench(t, database("1"))
	b.nft(others, "-f", "-")
	names := b.tables()
	list := func() string {
		var all strings.Builder
		for _, name := range names {
			all.WriteString(b.nft("", append([]string{"-s", "list"}, strings.Fields(name)...)...))
		}
		return all.String()
	}
	want := list()
	check := func(when string) {
		t.Helper()
		if got := list(); got != want {
			t.Errorf("%s: tables of others are now\n%s\nwere\n%s", when, got, want)
		}
	}
	b.config.Settings = "on_exit = \"clear\"\n"
	d := b.start()
	check("after the start")
	before := b.generation(d)
	b.write(database("2"))
	b.after(d, before)
	check("after a change")
	if err := d.Kill(); err != nil {
		t.Fatal(err)
	}
	d = b.start()
	check("after a crash and a restart")
	if err := d.Stop(b.ctx); err != nil {
		t.Fatal(err)
	}
	check("after the end")
	if got := b.tables(); !slices.Equal(got, names) {
		t.Errorf("tables after the end: %v, want %v", got, names)
	}
}

// on_exit says what a clean end leaves: the policy in force (keep, also without the setting), or nothing.
func TestOnExit(t *testing.T) {
	for _, tc := range []struct {
		settings string
		keeps    bool
	}{{"", true}, {"on_exit = \"keep\"\n", true}, {"on_exit = \"clear\"\n", false}} {
		t.Run(strings.TrimSpace("on_exit "+tc.settings), func(t *testing.T) {
			b := newBench(t, database("1"))
			b.config.Settings = tc.settings
			d := b.start()
			b.reach("web", "db", map[uint16]bool{1: true, 2: false})
			if err := d.Stop(b.ctx); err != nil {
				t.Fatalf("the daemon's exit: %v\n%s", err, d.Log())
			}
			b.reach("web", "db", map[uint16]bool{1: true, 2: !tc.keeps})
			if listed := strings.Contains(b.nft("", "list", "tables"), "rampart"); listed != tc.keeps {
				t.Errorf("the table is there: %v, want %v", listed, tc.keeps)
			}
		})
	}
}

// Someone flushes or deletes everything: the policy comes back by itself (or the kernel refuses the attempt, where the
// table has an owner).
func TestForeignChangeIsRepaired(t *testing.T) {
	for _, attack := range []string{"flush ruleset", "delete table inet rampart", "flush table inet rampart"} {
		t.Run(attack, func(t *testing.T) {
			b := newBench(t, database("1"))
			d := b.start()
			want := b.nft("", "-s", "list", "ruleset")
			_, err := b.top.Firewall.Run(b.ctx, "", "nft", strings.Fields(attack)...)
			t.Logf("nft %s: %v", attack, err)
			for b.nft("", "-s", "list", "ruleset") != want {
				if b.ctx.Err() != nil {
					t.Fatalf("not repaired; the ruleset is\n%s\nlog:\n%s", b.nft("", "list", "ruleset"), d.Log())
				}
				time.Sleep(10 * time.Millisecond)
			}
			b.reach("web", "db", map[uint16]bool{1: true, 2: false})
		})
	}
}
