package xdp

import "testing"

// Few queues have long rings, many share the memory, and none has less than it needs.
func TestFramesOf(t *testing.T) {
	for queues, want := range map[int]int{1: 8192, 4: 8192, 5: 4096, 8: 4096, 9: 2048, 64: 2048} {
		if got := framesOf(queues); got != want {
			t.Errorf("%d frames for each of %d queues, want %d", got, queues, want)
		}
	}
}
