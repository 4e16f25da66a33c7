// Package xsk speaks AF_XDP: sockets that take frames from one queue of a network interface, and send to it, through
// rings shared with the kernel (Linux, Documentation/networking/af_xdp.rst; uapi linux/if_xdp.h).
//
//	         Fill ──► fill ring ──► kernel ──► receive ring ──► Receive
//	caller                                                               caller
//	     Transmit ──► transmit ring ──► kernel ──► completion ring ──► Complete
//
// A frame is a fixed-size piece of the UMEM. It belongs either to the caller or to the kernel: Fill and Transmit give
// frames away, Receive and Complete take them back. At first all of them are the caller's. Nothing else keeps book, so
// nothing is searched and nothing allocated per packet.
//
// There are two implementations of Socket. Open makes one with rings of our own: atomic indices, wake-ups only when the
// kernel asks for them, a UMEM that several sockets may share, busy polling, huge pages. OpenAsavie makes one on top of
// github.com/asavie/xdp. The tests put both through the same paces; the bench compares them.
//
// A Socket belongs to one goroutine at a time, except Statistics, which may be called from any.
package xsk
