package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"rampart/engine/ir"
)

// holder is a backend that records in a common diary when it holds and applies.
type holder struct {
	*fakeBackend
	diary *diary
	fail  error
}

type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.lines
	d.lines = nil
	return out
}

func (h *holder) Hold(_ context.Context, p *ir.Program) error {
	h.diary.note(h.name + " holds for " + content(p))
	return h.fail
}

func (h *holder) Apply(ctx context.Context, p *ir.Program) (Receipt, error) {
	r, err := h.fakeBackend.Apply(ctx, p)
	if err != nil {
		h.diary.note(h.name + " refuses " + content(p))
	} else {
		h.diary.note(h.name + " applies " + content(p))
	}
	return r, err
}

func (h *holder) Clear(ctx context.Context) error {
	h.diary.note(h.name + " is cleared")
	return h.fakeBackend.Clear(ctx)
}

// Other backends decide nothing by an old program while the authority changes, and go on with it when the change fails.
func TestOthersHoldWhileTheAuthorityChanges(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &diary{}
		r := newRig(t).good()
		nft, fast := &holder{fakeBackend: r.nft, diary: d}, &holder{fakeBackend: &fakeBackend{name: "fast"}, diary: d}
		r.start(func(c *Config) { c.Backends = []Backend{nft, fast} })
		r.settle()
		step := func(name, revision string, want ...string) {
			t.Helper()
			if revision != "" {
				r.a.set(world("a", revision))
				r.settle()
			}
			if got := d.take(); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		step("first program", "", "nft applies a-1 b-1", "fast applies a-1 b-1")
		step("second program", "2", "fast holds for a-2 b-1", "nft applies a-2 b-1", "fast applies a-2 b-1")
		fast.fail = errors.New("cannot")
		step("cannot hold", "3", "fast holds for a-3 b-1", "fast is cleared", "nft applies a-3 b-1", "fast applies a-3 b-1")
		fast.fail = nil
		nft.set(func(b *fakeBackend) { b.fail = errRefused })
		r.a.set(world("a", "4"))
		r.settle()
		if got := d.take(); len(got) < 3 || !slices.Equal(got[:3], []string{"fast holds for a-4 b-1", "nft refuses a-4 b-1", "fast applies a-3 b-1"}) {
			t.Errorf("refused program: %q", got)
		}
	})
}
