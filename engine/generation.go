package engine

import "log/slog"

// generationBlock is how many generations one write to the state directory reserves, so that not every change of policy
// waits for the disk. After a crash the rest of a block is skipped.
const generationBlock = 64

// generations gives out numbers that grow across restarts.
type generations struct {
	state          *stateDir
	last, reserved uint64
}

// next is the next generation. When none can be reserved on disk it is given out all the same: an unwritable disk must
// not keep policy from the kernel.
func (g *generations) next(log *slog.Logger) uint64 {
	g.last++
	if g.last > g.reserved {
		g.reserved = g.last + generationBlock - 1
		if err := g.state.saveGeneration(g.reserved); err != nil {
			log.Error("generation cannot be saved", "generation", g.last, "error", err)
		}
	}
	return g.last
}

// stop gives back what is reserved and not used.
func (g *generations) stop() error {
	if g.last == g.reserved {
		return nil
	}
	g.reserved = g.last
	return g.state.saveGeneration(g.last)
}
