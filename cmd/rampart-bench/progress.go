package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far a run is: a bar with the remaining time on a terminal, a line now and then elsewhere.
type progress struct {
	w    io.Writer
	bar  *progressbar.ProgressBar
	last time.Time
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions(1,
			progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(30), progressbar.OptionSetPredictTime(true),
			progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionShowDescriptionAtLineEnd(),
		)
	}
	return p
}

// step is a measure.Plan's Progress.
func (p *progress) step(done, total int, what string) {
	if p.bar == nil {
		if time.Since(p.last) > 10*time.Second {
			fmt.Fprintf(p.w, "%3d%%  %s\n", 100*done/max(1, total), what)
			p.last = time.Now()
		}
		return
	}
	if p.bar.GetMax() != total {
		p.bar.ChangeMax(total)
	}
	p.bar.Describe(what)
	_ = p.bar.Set(done) // a terminal that is gone is no reason to stop
}

// clear takes the bar away, so that what is printed next has the screen to itself.
func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
