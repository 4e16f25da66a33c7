package engine

import "time"

// backoff gives growing pauses: first, then twice as long each time, up to limit. The zero of n is the start.
type backoff struct {
	first, limit time.Duration
	n            int
}

// next is the pause before the next try.
func (b *backoff) next() time.Duration {
	d := b.first
	for range b.n {
		if d *= 2; d >= b.limit {
			return b.limit
		}
	}
	b.n++
	return d
}

// reset makes the next pause the first one again.
func (b *backoff) reset() { b.n = 0 }
