package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Handback makes every packet that arrives on one interface arrive on another instead, where the stack, nftables and
// conntrack see it as if it had come from there.
type Handback struct {
	program *ebpf.Program
	link    link.Link
}

// NewHandback attaches the program to the interface that packets are sent to (the far end of a private veth pair), in the
// calling thread's network namespace. target is where they shall arrive. A mark other than 0 is put on them. It needs
// Linux 6.6 (tcx).
func NewHandback(ifindex, target int, mark uint32) (*Handback, error) {
	spec, err := loadFastPath()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(spec.Variables[fastPathVarTarget].Set(uint32(target)), spec.Variables[fastPathVarMark].Set(mark)); err != nil {
		return nil, err
	}
	var objects struct {
		Program *ebpf.Program `ebpf:"rampart_handback"`
	}
	if err := spec.LoadAndAssign(&objects, nil); err != nil {
		return nil, fmt.Errorf("load the program that gives packets back: %w", err)
	}
	h := &Handback{program: objects.Program}
	h.link, err = link.AttachTCX(link.TCXOptions{Interface: ifindex, Program: h.program, Attach: ebpf.AttachTCXIngress})
	if err != nil {
		_ = h.program.Close()
		return nil, fmt.Errorf("attach the program that gives packets back: %w", err)
	}
	return h, nil
}

// Close detaches and frees the program.
func (h *Handback) Close() error { return errors.Join(h.link.Close(), h.program.Close()) }
