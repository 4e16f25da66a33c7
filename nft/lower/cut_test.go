package lower_test

import (
	"net/netip"
	"testing"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// Packets of a connection that is marked as cut are denied wherever policy acts, and what answers them is not. Without the
// option the mark means nothing.
func TestCutConnections(t *testing.T) {
	const bit = 1 << 28
	for _, cut := range []uint32{0, bit} {
		o := options
		o.CutMark = cut
		_, p := compileWorld(1, o)
		l := lower.Lower(p, lower.Options{})
		if err := l.Validate(); err != nil {
			t.Fatal(err)
		}
		m := ruleset.NewMachine(l.Ruleset)
		for _, hook := range []struct {
			hook    ruleset.Hook
			in, out string
		}{{ruleset.HookInput, "cali1", ""}, {ruleset.HookInput, "eth0", ""}, {ruleset.HookForward, "cali1", "eth0"}, {ruleset.HookOutput, "", "eth0"}} {
			for _, c := range []struct {
				name       string
				state, own uint32
				denied     bool
			}{
				{"marked", ruleset.CTEstablished, bit | 7, true},
				{"not marked", ruleset.CTEstablished, 7, false},
				{"an error about a marked connection", ruleset.CTRelated, bit, false},
			} {
				packet := &ruleset.Packet{In: hook.in, Out: hook.out, CT: c.state, CTMark: c.own, HopLimit: 64, Packet: model.Packet{
					Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Protocol: model.ProtoTCP, SrcPort: 1, DstPort: 2,
				}}
				got, trace := m.Run(hook.hook, ruleset.PriorityFilter, ruleset.PriorityFilter+1, packet)
				if want := c.denied && cut != 0; (got == ruleset.Drop) != want {
					t.Errorf("cut 0x%x, hook %v %s>%s, %s: denied %t, want %t: %s", cut, hook.hook, hook.in, hook.out, c.name, !want, want, steps(trace))
				}
			}
		}
		if name := l.Names[ir.DefaultID("cut-connection")]; (name != "") != (cut != 0) {
			t.Errorf("cut 0x%x: the counter is named %q", cut, name)
		}
	}
}

// The option is part of what a program means.
func TestCutMarkChangesTheHash(t *testing.T) {
	_, a := compileWorld(1, options)
	o := options
	o.CutMark = 1
	_, b := compileWorld(1, o)
	if a.Hash == b.Hash {
		t.Error("equal hashes")
	}
	if d := ir.Diff(a, b); !d.Settings {
		t.Errorf("difference %+v", d)
	}
}
