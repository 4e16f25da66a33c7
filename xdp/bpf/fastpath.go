package bpf

import (
	"cmp"
	"errors"
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"
)

// MaxQueues is how many receive queues of an interface can have a socket; further ones are the stack's.
const MaxQueues = 64

// Options size a FastPath. Zero values mean the defaults.
type Options struct {
	// Verdicts is how many flows the cache holds (the least recently used make room), Slots how many rules can have
	// cached denials counted.
	Verdicts, Slots uint32
	// Notes spare most questions to conntrack about flows whose denial is cached. They are of the network namespace of the
	// interface, and must outlive the link. Without them every packet is asked about.
	Notes *Notes
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
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return err
	}
	places := recentPlaces(cpus)
	spec.Maps[fastPathMapRecent].MaxEntries = places * uint32(cpus)
	spec.Maps[fastPathMapVerdicts].MaxEntries = cmp.Or(o.Verdicts, spec.Maps[fastPathMapVerdicts].MaxEntries)
	spec.Maps[fastPathMapDenied].MaxEntries = f.slots
	options := &ebpf.CollectionOptions{}
	if o.Notes != nil {
		options.MapReplacements = map[string]*ebpf.Map{fastPathMapNotes: o.Notes.notes, fastPathMapChapters: o.Notes.chapters, fastPathMapEpochs: o.Notes.epochs}
	}
	if err := errors.Join(spec.Variables[fastPathVarConntrack].Set(b2u(conntrack)), spec.Variables[fastPathVarNoted].Set(b2u(o.Notes != nil)),
		spec.Variables[fastPathVarPlaces].Set(places)); err != nil {
		return err
	}
	var objects struct {
		fastPathMaps
		Program *ebpf.Program `ebpf:"rampart_xdp"`
		Inquiry *ebpf.Program `ebpf:"rampart_inquiry"`
	}
	if err := spec.LoadAndAssign(&objects, options); err != nil {
		return err
	}
	f.objects, f.program, f.inquiry = objects.fastPathMaps, objects.Program, objects.Inquiry
	return nil
}

// recentPlaces is how many places each CPU has for two recent denials: 4 096, or fewer where many CPUs would need more than 16 MiB
// together.
func recentPlaces(cpus int) uint32 {
	n := uint32(4096)
	for n > 1 && int(n)*cpus*int(unsafe.Sizeof(fastPathRecents{})) > 16<<20 {
		n /= 2
	}
	return n
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
