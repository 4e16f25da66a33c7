// Package classbench reads filter sets of ClassBench (Taylor and Turner, "ClassBench: A Packet Classification
// Benchmark", INFOCOM 2005) and makes policy rules and packets of them.
//
// A line of a filter file is
//
//	@SRC/LEN DST/LEN SPORT : SPORT DPORT : DPORT PROTO/MASK FLAGS/MASK
//
// and the first line that matches a packet wins. The last column, TCP flags, is not part of the policy model and is
// ignored. A protocol mask of 0 means any protocol.
package classbench
