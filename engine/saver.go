package engine

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"rampart/model"
)

// saveInterval is the shortest time between two writes of bundles: a model of a hundred thousand resources that changes
// ten times a second need not be written ten times a second.
const saveInterval = time.Second

// saveShare keeps writing a large model from taking more than a twentieth of the time.
const saveShare = 20

// saver writes good bundles to the state directory, off the loop's path.
type saver struct {
	state *stateDir
	log   *slog.Logger
	inbox chan goodBundles
	// written holds the bundle last written of each source; bundles are constants, so the pointer tells them apart.
	written map[string]*model.Bundle
	failed  func(error)
}

// goodBundles are the bundles that a program in force was made from.
type goodBundles struct {
	generation uint64
	bundles    map[string]*model.Bundle
}

func newSaver(state *stateDir, log *slog.Logger, failed func(error)) *saver {
	return &saver{
		state: state, log: log, inbox: make(chan goodBundles, 1), written: map[string]*model.Bundle{}, failed: failed,
	}
}

// offer leaves bundles to be written in place of those offered before and not yet written. Only one goroutine may call it.
func (s *saver) offer(g goodBundles) {
	select {
	case <-s.inbox:
	default:
	}
	s.inbox <- g
}

// run writes what is offered until ctx is done, then writes what is left.
func (s *saver) run(ctx context.Context) {
	for {
		var began time.Time
		select {
		case g := <-s.inbox:
			began = time.Now()
			s.write(g)
		case <-ctx.Done():
			select {
			case g := <-s.inbox:
				s.write(g)
			default:
			}
			return
		}
		select {
		case <-time.After(max(saveInterval, (saveShare-1)*time.Since(began))):
		case <-ctx.Done():
		}
	}
}

func (s *saver) write(g goodBundles) {
	for _, name := range slices.Sorted(maps.Keys(g.bundles)) {
		b := g.bundles[name]
		if s.written[name] == b {
			continue
		}
		done, err := s.state.appendChange(s.written[name], b, g.generation)
		if !done {
			err = s.state.saveBundle(b, g.generation)
		}
		if err != nil {
			s.log.Error("state cannot be saved", "source", name, "error", err)
			s.failed(err)
			continue
		}
		s.written[name] = b
	}
}
