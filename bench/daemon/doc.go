// Package daemon runs the real rampart binary inside a lab's namespace, as an operator would: `rampart run` with policy
// files, `rampart status` to know when a program is in force, signals to stop it. The demo and the end-to-end tests,
// which live here too, are built on it.
//
// A Daemon belongs to one goroutine.
package daemon
