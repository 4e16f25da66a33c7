package bpf

import (
	"bytes"
	"testing"

	"rampart/model"
)

// On a kernel without the functions that look connections up the program loads without asking, and says so. Such a kernel is
// made up by an object that asks for functions no kernel has.
func TestKernelWithoutConntrackFunctions(t *testing.T) {
	if f := load(t, Options{}); f.Conntrack() != nil {
		t.Skipf("this kernel has none: %v", f.Conntrack())
	}
	object := _FastPathBytes
	t.Cleanup(func() { _FastPathBytes = object })
	for _, missing := range []string{"bpf_xdp_ct_lookup", "bpf_ct_release"} {
		other := []byte(missing)
		other[len(other)-1] = '_'
		_FastPathBytes = bytes.ReplaceAll(object, []byte(missing), other)
		if bytes.Equal(_FastPathBytes, object) {
			t.Fatalf("the object does not name %s", missing)
		}
		f := load(t, Options{Slots: 8})
		if f.Conntrack() == nil {
			t.Errorf("without %s: the program is said to ask conntrack", missing)
		}
		// It judges all the same.
		if err := f.Remember([]Flow{NewFlow(a4, b4, 1000, 53, model.ProtoUDP)}, []Verdict{{7, 3}}); err != nil {
			t.Fatal(err)
		}
		if got, _ := eventOf(t, f, frame(t, udp(a4, b4, 1000, 53), nil)); got != CachedDeny {
			t.Errorf("without %s: %v, want cached-deny", missing, got)
		}
		if asked, err := f.Asked(); err != nil || asked != 0 {
			t.Errorf("without %s: conntrack was asked %d times (%v)", missing, asked, err)
		}
	}
}
