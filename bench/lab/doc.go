// Package lab builds throwaway networks out of network namespaces and veth pairs, and sends real packets through them.
// Tests, the demo and the benchmarks use it to see what the kernel really does with a packet.
//
//	client ──eth0┐                 ┌calidb─── db
//	             ├── firewall ─────┤
//	server ──eth1┘  (under test)   └caliweb── web
//
// A Lab owns namespaces whose names carry the process that made them. Close removes them; so does an interrupt; and
// what a crash leaves behind is recognised and removed by the next New (see Sweep). Nothing outside a Lab's own
// namespaces is ever changed. Build lays out the usual topology above.
//
// Inside a namespace, Do runs a function on an OS thread of its own, Start runs a process that dies with us, and the
// sockets of Dial, EchoTCP, EchoUDP and Ping speak the real protocols. Packets that no socket would send (SCTP,
// UDP-Lite, an unknown protocol, fragments, other people's source addresses) are crafted by Craft and sent by a Prober,
// which also says, for thousands of packets a second and without timeouts, where each of them arrived.
//
// Everything needs root; Require says so. A Lab and its parts may be used from several goroutines, a Prober from one
// at a time.
package lab
