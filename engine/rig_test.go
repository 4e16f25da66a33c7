package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/hcl/v2"
	"go.uber.org/goleak"

	"rampart/engine/api"
	"rampart/engine/ir"
	"rampart/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSource delivers what a test sets.
type fakeSource struct {
	name string
	mu   sync.Mutex
	// bundle and diags are what Load returns; hang keeps Load from returning.
	bundle  *model.Bundle
	diags   hcl.Diagnostics
	hang    bool
	loads   int
	changed func()
	// watchErr ends a Watch that begins.
	watchErr error
	watches  int
}

var _ Source = (*fakeSource)(nil)

func (s *fakeSource) Name() string { return s.name }

func (s *fakeSource) Load(ctx context.Context) (*model.Bundle, hcl.Diagnostics) {
	s.mu.Lock()
	s.loads++
	hang := s.hang
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return nil, hcl.Diagnostics{errorDiagnostic(ctx.Err())}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bundle, s.diags
}

func (s *fakeSource) Watch(ctx context.Context, changed func()) error {
	s.mu.Lock()
	s.watches++
	s.changed = changed
	err := s.watchErr
	s.mu.Unlock()
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// set changes what the source holds and says so.
func (s *fakeSource) set(b *model.Bundle, diags ...*hcl.Diagnostic) {
	s.mu.Lock()
	s.bundle, s.diags = b, diags
	changed := s.changed
	s.mu.Unlock()
	if changed != nil {
		changed()
	}
}

func (s *fakeSource) loadCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loads
}

// broken is a diagnostic as conf makes them.
func broken(file string, line int) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: "Invalid selector", Detail: "unexpected end",
		Subject: &hcl.Range{Filename: file, Start: hcl.Pos{Line: line, Column: 1}},
	}
}

// world is a bundle of one host endpoint and one policy for it, named after source and revision, so that the policies of
// a program tell which bundles it was made from.
func world(source, revision string) *model.Bundle {
	ep := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	ep.Metadata = model.Metadata{Name: source + "-eth0", Labels: map[string]string{"from": source}}
	ep.Spec = model.HostEndpointSpec{Node: "n1", InterfaceName: source + "0"}
	p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	p.Metadata.Name = source + "-" + revision
	p.Origin = model.Origin{File: source + ".yaml", Line: 3}
	p.Spec = model.PolicySpec{
		Selector: fmt.Sprintf("from == '%s'", source), Types: []model.Direction{model.Ingress},
		Ingress: []model.Rule{{Action: model.Allow, Origin: model.Origin{File: source + ".yaml", Line: 9}}},
	}
	return &model.Bundle{Source: source, Revision: revision, Resources: []model.Resource{ep, p}}
}

// content lists the policies of a program: which revision of which source it was made from.
func content(p *ir.Program) string {
	if p == nil {
		return ""
	}
	var names []string
	for _, q := range p.Policies {
		names = append(names, q.Key.Name)
	}
	return strings.Join(names, " ")
}

// fakeBackend records what it is asked to do. With a gate, Apply waits until something is sent.
type fakeBackend struct {
	name string
	mu   sync.Mutex
	// refuse is the error of Check, fail that of Apply.
	refuse, fail error
	lie          bool
	gate         chan struct{}

	inForce  *ir.Program
	applied  []string
	at       []time.Time
	checks   int
	cleared  int
	closed   int
	counters map[model.RuleID]ir.Counter
	drifted  func(string)
	inUse    int
	overlaps int
}

var (
	_ Backend       = (*fakeBackend)(nil)
	_ CounterReader = (*fakeBackend)(nil)
	_ DriftWatcher  = (*fakeBackend)(nil)
	_ Clearer       = (*fakeBackend)(nil)
)

func (b *fakeBackend) Name() string { return b.name }

// enter counts calls that run at the same time.
func (b *fakeBackend) enter() func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inUse++
	if b.inUse > 1 {
		b.overlaps++
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.inUse--
	}
}

func (b *fakeBackend) Check(context.Context, *ir.Program) error {
	defer b.enter()()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.checks++
	if b.refuse != nil {
		b.at = append(b.at, time.Now())
	}
	return b.refuse
}

func (b *fakeBackend) Apply(_ context.Context, p *ir.Program) (Receipt, error) {
	defer b.enter()()
	if b.gate != nil {
		<-b.gate
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = append(b.at, time.Now())
	if b.fail != nil {
		return Receipt{}, b.fail
	}
	b.inForce = p
	b.applied = append(b.applied, fmt.Sprintf("%d: %s", p.Generation, content(p)))
	r := Receipt{Generation: p.Generation, Hash: p.Hash, Objects: len(p.Policies), Duration: time.Millisecond}
	if b.lie {
		r.Hash = "lie"
	}
	return r, nil
}

func (b *fakeBackend) Clear(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cleared++
	b.inForce = nil
	return nil
}

func (b *fakeBackend) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed++
	return nil
}

func (b *fakeBackend) Counters(context.Context) (map[model.RuleID]ir.Counter, error) {
	defer b.enter()()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counters, nil
}

func (b *fakeBackend) WatchDrift(ctx context.Context, drifted func(string)) error {
	b.mu.Lock()
	b.drifted = drifted
	b.mu.Unlock()
	<-ctx.Done()
	return nil
}

func (b *fakeBackend) set(f func(b *fakeBackend)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b)
}

// drift plays a foreign change: what was in force is gone.
func (b *fakeBackend) drift(what string) {
	b.mu.Lock()
	b.inForce = nil
	drifted := b.drifted
	b.mu.Unlock()
	drifted(what)
}

func (b *fakeBackend) holds() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return content(b.inForce)
}

func (b *fakeBackend) history() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.applied...)
}

var errRefused = errors.New("set s1 of policy default/GlobalNetworkPolicy:a-1: no memory")

// rig is a running engine with its surroundings.
type rig struct {
	*Engine
	t       *testing.T
	a, b    *fakeSource
	nft     *fakeBackend
	log     lockedBuffer
	mu      sync.Mutex
	notices []string
	stop    func() error
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// newRig has sources a and b, which hold nothing yet, and one backend.
func newRig(t *testing.T) *rig {
	return &rig{t: t, a: &fakeSource{name: "a"}, b: &fakeSource{name: "b"}, nft: &fakeBackend{name: "nft"}}
}

// start runs an engine until stop is called or the test ends. Tests run it in a synctest bubble.
func (r *rig) start(adjust ...func(*Config)) *rig {
	r.t.Helper()
	c := Config{
		Node: "n1", Sources: []Source{r.a, r.b}, Backends: []Backend{r.nft}, RuleSeries: 100,
		Notify: func(s string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.notices = append(r.notices, s)
		},
		Logger: slog.New(slog.NewTextHandler(&r.log, nil)),
	}
	for _, f := range adjust {
		f(&c)
	}
	e, err := New(c)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Engine = e
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	var once sync.Once
	r.stop = func() (err error) {
		once.Do(func() {
			cancel()
			err = <-ended
		})
		return err
	}
	r.t.Cleanup(func() {
		if err := r.stop(); err != nil {
			r.t.Errorf("Run: %v", err)
		}
		if n := r.nft.overlaps; n > 0 {
			r.t.Errorf("the backend was called %d times while it was busy", n)
		}
	})
	return r
}

// good lets both sources deliver revision 1.
func (r *rig) good() *rig {
	r.a.set(world("a", "1"))
	r.b.set(world("b", "1"))
	return r
}

// settle waits until nothing happens any more without time passing, a second after now.
func (r *rig) settle() {
	synctest.Wait()
	time.Sleep(time.Second)
	synctest.Wait()
}

func (r *rig) wantHolds(want string) {
	r.t.Helper()
	if got := r.nft.holds(); got != want {
		r.t.Errorf("in force: %q, want %q\n%s", got, want, r.log.String())
	}
}

func (r *rig) source(name string) api.Source {
	for _, s := range r.Status(false).Sources {
		if s.Name == name {
			return s
		}
	}
	r.t.Fatalf("no source %s in the status", name)
	return api.Source{}
}

func (r *rig) messages() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.notices...)
}

// inBubble runs a test with fake time.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
