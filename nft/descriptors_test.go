package nft_test

import (
	"strings"
	"testing"

	"rampart/bench/lab"
	"rampart/nft"
)

// A process that was started with very many files open is told so when the backend is made. What is opened later is no
// matter: the connection is there already.
func TestManyDescriptors(t *testing.T) {
	if lab.InChild(t, "TestManyDescriptors") {
		return
	}
	ns := hosts(t, 1)[0]
	early := backend(t, ns, nft.Config{})
	lab.OpenManyFiles(t)
	if late, err := nft.New(nft.Config{NetNS: ns.FD()}); err == nil || !strings.Contains(err.Error(), "too many files open") {
		t.Errorf("a backend %v, error %v", late, err)
	}
	if _, err := early.Apply(t.Context(), programOf(t, estateYAML(10, 10))); err != nil {
		t.Error(err)
	}
	if _, err := early.Counters(t.Context()); err != nil {
		t.Error(err)
	}
	if err := early.Clear(t.Context()); err != nil {
		t.Error(err)
	}
}
