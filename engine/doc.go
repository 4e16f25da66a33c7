// Package engine runs the firewall: it takes resources from sources, compiles them and keeps the compiled program in
// force in its backends.
//
//	Source ─► intake ─► store ─► compile ─► Backend.Check ─► Backend.Apply ─► state directory
//	          (one per                                            ▲
//	           source)             drift, back-off, interfaces ───┘
//
// What it promises:
//
//   - The program in force is a whole program. Nothing is written to a backend before every source has delivered a
//     complete bundle, either read now or saved on disk by an earlier run.
//   - Bad input changes nothing. A bundle with errors leaves the old one in place; status, log and metrics say so.
//   - A backend that refuses a program is asked again with growing pauses; the old program stays in force.
//   - What others change in a backend is put right, counted and logged.
//   - Generations grow from one program to the next, across restarts too.
//
// One goroutine, the loop, owns all of this; sources, watchers and the writer of the state directory have their own
// and talk to it through mailboxes that keep only the latest message. What the API reads is published as immutable
// values behind atomic pointers, so Engine's methods may be called from any goroutine.
//
// The first backend is the authority. The others only make it faster: one that refuses a program is taken out of force
// until it accepts, and the program counts as in force all the same.
//
// Engine imports no backend; cmd/rampart brings the two together.
package engine
