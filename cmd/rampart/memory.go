package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"time"
)

// How far the heap may grow beyond what is in use before garbage is collected (runtime/debug.SetGCPercent). The start
// allocates much in a short time, most of which stays, so collecting early is work for nothing. Afterwards changes are small,
// and a firewall should leave memory to what it protects.
const (
	startGCPercent  = 100
	steadyGCPercent = 40
	// leastHeadroom is what the heap may grow by, at least, once it is known how much is in use: a large network set that
	// changes is read anew, and a collection that begins then takes longer than the change.
	leastHeadroom = 16 << 20
	// releaseDelay is how long after the start memory that is free is given back: then the model has been saved, too.
	releaseDelay = 2 * time.Second
)

// A collection takes longer than most changes, and slows down one that falls into it. So garbage is collected when changes
// have been quiet for a while, and once more when what is put off longer, such as a look at everything, is done: if there is
// more of it than a worthShare of what is in use. The second time memory that is free is given back, too, if there is more of it
// than the next change wants: the kernel takes its time to give it again.
const (
	collectDelay = 300 * time.Millisecond
	collectAgain = time.Second
	worthShare   = 10
)

// thrift keeps the daemon's memory small.
type thrift struct {
	mu    sync.Mutex
	timer *time.Timer // nil before the start is over
	again bool
}

// frugal sets the garbage collector for the start, and for the time after it once the service manager is told that the
// daemon is ready. Whoever sets GOGC has decided for himself. rest is to be called after each piece of work; it returns at
// once.
func frugal(notify func(string)) (notifying func(string), rest func()) {
	if os.Getenv("GOGC") != "" {
		return notify, func() {}
	}
	debug.SetGCPercent(startGCPercent)
	t := &thrift{}
	settle := sync.OnceFunc(func() {
		debug.SetGCPercent(steadyGCPercent)
		time.AfterFunc(releaseDelay, debug.FreeOSMemory)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.timer = time.AfterFunc(collectDelay, t.collect)
	})
	return func(state string) {
		notify(state)
		if strings.Contains(state, "READY=1") {
			settle()
		}
	}, t.rest
}

func (t *thrift) rest() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.again = true
		t.timer.Reset(collectDelay)
	}
}

func (t *thrift) collect() {
	t.mu.Lock()
	last := !t.again
	t.mu.Unlock()
	if worthCollecting() {
		runtime.GC()
	}
	if last && worthReleasing() {
		debug.FreeOSMemory()
	}
	debug.SetGCPercent(steadyPercent(metric("/gc/heap/live:bytes")))
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.again {
		t.again = false
		t.timer.Reset(collectAgain)
	}
}

// worthCollecting compares what has been allocated since the last collection with what that one has left.
func worthCollecting() bool {
	live := metric("/gc/heap/live:bytes")
	return metric("/memory/classes/heap/objects:bytes") > live+live/worthShare
}

// smallFree is the free memory that is not worth giving back: the next change of a large network set wants it again, and to get
// it from the kernel takes about as long as to fill it.
const smallFree = leastHeadroom / 2

// worthReleasing looks at the memory that is free and not given back.
func worthReleasing() bool { return metric("/memory/classes/heap/free:bytes") > smallFree }

// metric reads one of the runtime's (runtime/metrics).
func metric(name string) uint64 {
	samples := []metrics.Sample{{Name: name}}
	metrics.Read(samples)
	return samples[0].Value.Uint64()
}

// steadyPercent is the collector's setting when so many octets are in use.
func steadyPercent(live uint64) int {
	return max(steadyGCPercent, int(100*leastHeadroom/max(live, 1<<20)))
}
