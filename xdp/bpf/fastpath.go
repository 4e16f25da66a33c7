package bpf

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// MaxQueues is how many receive queues of an interface can have a socket; further ones are the stack's.
const MaxQueues = 64

// Options size a FastPath. Zero values mean the defaults.
type Options struct {
	// Verdicts is how many flows the cache holds (the least recently used make room), Slots how many rules can have
	// cached denials counted.
	Verdicts, Slots uint32
	// NoConntrack leaves conntrack alone even where the kernel could be asked: for tests.
	NoConntrack bool
}

// FastPath is the loaded XDP program of one interface. Its methods may be called from several goroutines.
type FastPath struct {
	objects fastPathMaps
	program *ebpf.Program
	inquiry *ebpf.Program
	// whyNot is what the kernel said when the program was to ask conntrack.
	whyNot   error
	slots    uint32
	settings *sharedSettings
	rooms    []Room
	asked    []byte // the inquiries' memory
	unmap    []func() error
}

// Load loads the program and its maps. It attaches nothing, and judges nothing before SetSettings.
func Load(o Options) (*FastPath, error) {
	f := &FastPath{slots: cmp.Or(o.Slots, 4096)}
	if o.NoConntrack {
		f.whyNot = errors.ErrUnsupported
	} else {
		f.whyNot = f.load(&o, true)
	}
	if f.whyNot != nil {
		if err := f.load(&o, false); err != nil {
			return nil, fmt.Errorf("load the XDP program: %w", err)
		}
	}
	if err := f.share(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("load the XDP program: %w", err)
	}
	return f, nil
}

func (f *FastPath) load(o *Options, conntrack bool) error {
	spec, err := loadFastPath()
	if err != nil {
		return err
	}
	// The other program belongs to another interface; see NewHandback.
	delete(spec.Programs, fastPathProgRampartHandback)
	spec.Maps[fastPathMapVerdicts].MaxEntries = cmp.Or(o.Verdicts, spec.Maps[fastPathMapVerdicts].MaxEntries)
	spec.Maps[fastPathMapDenied].MaxEntries = f.slots
	if err := spec.Variables[fastPathVarConntrack].Set(b2u(conntrack)); err != nil {
		return err
	}
	var objects struct {
		fastPathMaps
		Program *ebpf.Program `ebpf:"rampart_xdp"`
		Inquiry *ebpf.Program `ebpf:"rampart_inquiry"`
	}
	if err := spec.LoadAndAssign(&objects, nil); err != nil {
		return err
	}
	f.objects, f.program, f.inquiry = objects.fastPathMaps, objects.Program, objects.Inquiry
	return nil
}

func b2u(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// Conntrack is nil when the program asks conntrack, else why it cannot. Where it does not, a packet of an established
// connection looks like any other, so only policy that ignores connections may deny.
func (f *FastPath) Conntrack() error { return f.whyNot }

// Slots is how many rules can have cached denials.
func (f *FastPath) Slots() uint32 { return f.slots }

// Program is the XDP program, for tests that run it on packets.
func (f *FastPath) Program() *ebpf.Program { return f.program }

// Close frees the program and its maps. Where it is still attached it lives on until the link is closed.
func (f *FastPath) Close() error {
	var errs []error
	for _, u := range f.unmap {
		errs = append(errs, u())
	}
	f.unmap = nil
	if f.program != nil {
		errs = append(errs, f.program.Close(), f.inquiry.Close(), f.objects.Close())
	}
	return errors.Join(errs...)
}
