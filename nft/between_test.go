package nft

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
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

// When the kernel refuses a delta, because the table is not what it seems to be, it is made anew, and the program comes into
// force all the same.
func TestRefusedDelta(t *testing.T) {
	l := lab.ForTest(t)
	var tables [2][]string
	for i, wrong := range []bool{false, true} {
		ns, err := l.Namespace(string(rune('a' + i)))
		must(t, err)
		var log strings.Builder
		b, err := New(Config{NetNS: ns.FD(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
		must(t, err)
		defer b.Close()
		_, err = b.Apply(t.Context(), hostProgram(1))
		must(t, err)
		if wrong {
			for _, handles := range b.state.handles {
				for j := range handles {
					handles[j] += 1000
				}
			}
		}
		_, err = b.Apply(t.Context(), hostProgram(2))
		must(t, err)
		if complains := strings.Contains(log.String(), "refused a delta"); complains != wrong {
			t.Errorf("handles are wrong: %v, and the log says %q", wrong, log.String())
		}
		list, err := dumpRules(ns.FD(), "rampart")
		must(t, err)
		for _, r := range list {
			tables[i] = append(tables[i], r.chain+": "+r.comment)
		}
		slices.Sort(tables[i])
	}
	if !slices.Equal(tables[0], tables[1]) || len(tables[0]) == 0 {
		t.Errorf("after a delta:\n%s\nafter one that was refused:\n%s", strings.Join(tables[0], "\n"), strings.Join(tables[1], "\n"))
	}
}
