package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cpuTime is the processor time that the threads of a process have used, user and system, in nanoseconds' precision
// (/proc/PID/task/TID/schedstat). Threads that have ended are not counted; Go's do not end.
func cpuTime(pid int) time.Duration {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	var sum time.Duration
	for _, f := range files {
		b, _ := os.ReadFile(f)
		if words := strings.Fields(string(b)); len(words) > 0 {
			n, _ := strconv.ParseInt(words[0], 10, 64)
			sum += time.Duration(n)
		}
	}
	return sum
}

// memory is a line of /proc/PID/status in MB: VmRSS now, VmHWM at most so far.
func memory(pid int, line string) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for l := range strings.Lines(string(b)) {
		if words := strings.Fields(l); len(words) > 1 && words[0] == line+":" {
			n, _ := strconv.ParseFloat(words[1], 64)
			return n / 1024
		}
	}
	return 0
}

// samples are durations of one kind.
type samples []time.Duration

func (s samples) String() string {
	if len(s) == 0 {
		return "none"
	}
	s = slices.Sorted(slices.Values(s))
	at := func(q float64) float64 {
		return float64(s[min(len(s)-1, int(q*float64(len(s))))]) / float64(time.Millisecond)
	}
	return fmt.Sprintf("median %7.2f ms, p90 %7.2f, p99 %7.2f, largest %7.2f", at(0.5), at(0.9), at(0.99), at(1))
}
