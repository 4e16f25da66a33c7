package xdp_test

import (
	"testing"

	"rampart/bench/lab"
	"rampart/xdp"
)

// A daemon with many files and sockets open looks around all the same. The library for nftables uses select(2), which ends at
// 1024 descriptors.
func TestManyDescriptors(t *testing.T) {
	if lab.InChild(t, "TestManyDescriptors") {
		return
	}
	r := newRig(t, xdp.Config{})
	lab.OpenManyFiles(t)
	r.apply(hostPolicy(allowTCP))
	if s, err := r.fast.Status(); err != nil || len(s) != 1 || s[0].Mode == "" {
		t.Errorf("the fast path is not there: %v, %v", s, err)
	}
}
