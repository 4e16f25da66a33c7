package nft

import (
	"errors"
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"rampart/bench/lab"
	"rampart/nft/ruleset"
)

// Somebody changes our table after we have looked at it and before we change it: the kernel refuses our change whole, and the
// next attempt makes the table anew.
func TestForeignChangeInBetween(t *testing.T) {
	l := lab.ForTest(t)
	ns, err := l.Namespace("a")
	must(t, err)
	b, err := New(Config{NetNS: ns.FD(), Shared: true})
	must(t, err)
	defer b.Close()
	other, err := nftables.New(nftables.WithNetNSFd(ns.FD()))
	must(t, err)
	rules := func() (n int) {
		list, err := dumpRules(ns.FD(), "rampart")
		must(t, err)
		for _, r := range list {
			if r.chain == "input" {
				n++
			}
		}
		return n
	}
	for name, send := range map[string]func(*nftables.Table, uint32) error{
		"a delta": func(table *nftables.Table, generation uint32) error {
			next, err := b.lower(hostProgram(2))
			must(t, err)
			d, ok := ruleset.Diff(b.state.lowered.Ruleset, next.Ruleset)
			if !ok || d.Empty() {
				t.Fatal("no delta leads from one program to the other")
			}
			return b.change(next, d, table, generation)
		},
		"the whole": func(table *nftables.Table, generation uint32) error {
			next, err := b.lower(hostProgram(2))
			must(t, err)
			return b.replace(next, table, generation)
		},
	} {
		_, err = b.Apply(t.Context(), hostProgram(1))
		must(t, err)
		whole := rules()
		generation, err := b.conn.GetGen()
		must(t, err)
		table, err := b.find()
		must(t, err)

		other.FlushChain(&nftables.Chain{Name: "input", Table: table})
		must(t, other.Flush())
		if n := rules(); n != 0 {
			t.Fatalf("%d rules are left", n)
		}
		if err := send(table, generation.ID); !errors.Is(err, unix.ERESTART) {
			t.Errorf("%s: %v, want ERESTART", name, err)
		}
		if n := rules(); n != 0 {
			t.Errorf("%s has been sent all the same: %d rules", name, n)
		}
		_, err = b.Apply(t.Context(), hostProgram(2))
		must(t, err)
		if n := rules(); n != whole {
			t.Errorf("after %s was refused: %d rules in force, want %d", name, n, whole)
		}
	}
}
