package bpf

import (
	"testing"

	"github.com/cilium/ebpf"
)

// BenchmarkProgram runs the program itself on one packet, without an interface: what each way through it costs.
func BenchmarkProgram(b *testing.B) {
	for _, tc := range []struct {
		name    string
		options Options
		flags   Flags
		slot    uint32
	}{
		{"off", Options{}, 0, Allow},
		{"cached-deny", Options{}, Judge, 3},
		{"cached-final-deny", Options{}, Judge, 3 | Final},
		{"cached-allow", Options{}, Judge, Allow},
		{"undecided", Options{}, Judge, 0},
	} {
		b.Run(tc.name, func(b *testing.B) {
			f := load(b, tc.options)
			f.SetFlags(tc.flags)
			if tc.name != "undecided" {
				if err := f.Remember([]Flow{NewFlow(a4, b4, 1000, 53, 17)}, []Verdict{{7, tc.slot}}); err != nil {
					b.Fatal(err)
				}
			}
			packet := frame(b, udp(a4, b4, 1000, 53), nil)
			if _, err := f.Program().Run(&ebpf.RunOptions{Data: packet, Repeat: uint32(b.N)}); err != nil {
				b.Fatal(err)
			}
		})
	}
}
