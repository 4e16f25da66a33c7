// Package api is the daemon's interface on a unix socket: HTTP with JSON, made for curl and for rampart's own command
// line, which reaches it through Client.
//
//	GET  /v1/status[?policies=true]                 what is in force, the state of sources and backends, the last error
//	GET  /v1/policies                               each policy's state, and why it has no effect when it has none
//	GET  /v1/resources?kind=K[&namespace=N&name=N]  the resources in force, in the form of manifests
//	GET  /v1/endpoints                              the node's endpoints and the policies that apply to each
//	GET  /v1/program                                the compiled program, as text
//	GET  /v1/counters                               packets and bytes per rule
//	POST /v1/reload                                 read every source again now; answers when that is done
//
// Who may connect is decided by the peer's credentials (SO_PEERCRED), not by the mode of the socket file alone: root,
// the daemon's own user, and the users and groups of an Access.
//
// The package knows nothing of how the daemon works: the engine fills the structs declared here and satisfies Daemon.
// All of it may be used by several goroutines at once.
package api
