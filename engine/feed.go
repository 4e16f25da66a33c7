package engine

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/hcl/v2"

	"rampart/engine/api"
	"rampart/model"
)

// feed is what the loop knows of one source.
type feed struct {
	in  *intake
	log *slog.Logger
	// bundle is in use; saved tells that it comes from the state directory.
	bundle *model.Bundle
	saved  bool
	// recall reads the saved bundle; nil when a newer one is in use.
	recall      func(source string) (*model.Bundle, uint64, error)
	loaded      time.Time
	tried       time.Time
	failures    int
	diagnostics hcl.Diagnostics
	// answered is the newest reload that has been answered by reading the source.
	answered uint64
}

func (f *feed) name() string { return f.in.source.Name() }

// failed takes note of a reading that gave nothing usable. It returns the problem in one line.
func (f *feed) failed(diags hcl.Diagnostics) string {
	problem := firstError(diags)
	repeated := f.failures > 0 && problem == firstError(f.diagnostics)
	f.failures++
	f.diagnostics = diags
	if !repeated { // reading is tried again and again; saying so once is enough
		for _, d := range api.NewDiagnostics(diags) {
			level := slog.LevelError
			if d.Severity == "warning" {
				level = slog.LevelWarn
			}
			f.log.Log(context.Background(), level, "problem in source", "problem", d.String())
		}
		f.log.Error("source not usable, what it held before stays in use", "errors", countErrors(diags))
	}
	return problem
}

// use puts a bundle in use. The bundle carries the source's name, whatever the source wrote.
func (f *feed) use(b *model.Bundle, saved bool, at time.Time, diags hcl.Diagnostics) {
	if f.failures > 0 && !saved {
		f.log.Info("source is good again", "revision", b.Revision)
	}
	f.bundle, f.saved, f.loaded = b, saved, at
	if !saved {
		f.failures, f.diagnostics, f.recall = 0, diags, nil
	}
}

// owned is the bundle under the name of its source.
func (f *feed) owned(b *model.Bundle) *model.Bundle {
	if b.Source == f.name() {
		return b
	}
	c := *b
	c.Source = f.name()
	return &c
}

func (f *feed) describe() api.Source {
	s := api.Source{
		Name: f.name(), Loaded: f.loaded, Tried: f.tried, Failures: f.failures, Diagnostics: api.NewDiagnostics(f.diagnostics),
	}
	if f.bundle != nil {
		s.Revision, s.Resources = f.bundle.Revision, len(f.bundle.Resources)
	}
	switch {
	case f.bundle != nil && f.saved:
		s.State = api.SourceSaved
	case f.bundle != nil && f.failures > 0:
		s.State = api.SourceFailed
	case f.bundle != nil:
		s.State = api.SourceOK
	case f.tried.IsZero():
		s.State = api.SourceReading
	default:
		s.State = api.SourceAbsent
	}
	return s
}

// firstError is the first error, with its place, and how many more there are.
func firstError(diags hcl.Diagnostics) string {
	for _, d := range api.NewDiagnostics(diags) {
		if d.Severity != "error" {
			continue
		}
		if n := countErrors(diags); n > 1 {
			return fmt.Sprintf("%s (and %d more)", d, n-1)
		}
		return d.String()
	}
	return ""
}

func countErrors(diags hcl.Diagnostics) (n int) {
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			n++
		}
	}
	return n
}
