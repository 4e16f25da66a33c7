package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// Where the work is done. An interface card has an interrupt for each receive queue, and the core that gets it does all that
// the kernel does with the queue's packets. A veth pair has no interrupts: the core that sends does this work. So what comes
// from outside is sent by the cores that shall have the queues, one for each; the host's processes have the others, if there
// are others.

// steer lets the generator's side of connections, which answers send more by, work on the cores that have queues.
func (r *Rig) steer() error {
	if r.queues >= runtime.NumCPU() {
		return nil
	}
	var mask uint64
	for q := range min(r.queues, 32) { // a longer mask is written in parts
		mask |= 1 << q
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // not unlocked: the changed thread ends with its goroutine
		done <- r.steerFrom(mask)
	}()
	if err := <-done; err != nil {
		return fmt.Errorf("receive packet steering of %s: %w", generatorInterface, err)
	}
	return nil
}

// steerFrom changes the thread: sysfs shows the interfaces of the namespace that it was mounted in.
func (r *Rig) steerFrom(mask uint64) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return err
	}
	if err := unix.Setns(r.Generator.FD(), unix.CLONE_NEWNET); err != nil {
		return err
	}
	if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
		return err
	}
	queues, err := filepath.Glob(filepath.Join("/sys/class/net", generatorInterface, "queues/rx-*/rps_cpus"))
	if err != nil {
		return err
	}
	for _, q := range queues {
		if err := os.WriteFile(q, fmt.Appendf(nil, "%x", mask), 0); err != nil {
			return err
		}
	}
	return nil
}

// outside is the core of the i-th sender of the generator's side.
func (r *Rig) outside(i int) (set unix.CPUSet) {
	set.Set(i % r.queues)
	return set
}

// inside are the cores of the host's processes.
func (r *Rig) inside() (set unix.CPUSet) {
	n := runtime.NumCPU()
	for cpu := r.queues % n; cpu < n; cpu++ {
		set.Set(cpu)
	}
	return set
}

// pinned binds the goroutine to a thread, and the thread to cores. The thread ends with the goroutine.
func pinned(cores unix.CPUSet) {
	runtime.LockOSThread()
	_ = unix.SchedSetaffinity(0, &cores) // where that is not allowed the thread roams
}
