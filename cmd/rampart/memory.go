package main

import (
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// How far the heap may grow beyond what is in use before garbage is collected (runtime/debug.SetGCPercent). The start
// allocates much in a short time, most of which stays, so collecting early is work for nothing. Afterwards changes are small,
// and a firewall should leave memory to what it protects.
const (
	startGCPercent  = 300
	steadyGCPercent = 50
	// releaseDelay is how long after the start memory that is free is given back: then the model has been saved, too.
	releaseDelay = 2 * time.Second
)

// frugal sets the garbage collector for the start, and for the time after it once the service manager is told that the
// daemon is ready. Whoever sets GOGC has decided for himself.
func frugal(notify func(string)) func(string) {
	if os.Getenv("GOGC") != "" {
		return notify
	}
	debug.SetGCPercent(startGCPercent)
	settle := sync.OnceFunc(func() {
		debug.SetGCPercent(steadyGCPercent)
		time.AfterFunc(releaseDelay, debug.FreeOSMemory)
	})
	return func(state string) {
		notify(state)
		if strings.Contains(state, "READY=1") {
			settle()
		}
	}
}
