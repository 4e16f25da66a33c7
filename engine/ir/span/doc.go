// Package span calculates with sets of values of a packet's fields: addresses of both families, protocols, ports.
//
// A Value is a number of up to 128 bits, whatever the field. A Span is a range of values, a Set the values of several
// spans. How wide the field is (32 and 128 bits for addresses, 8 for a protocol, 16 for a port) is known to the caller and
// told where it matters.
//
//	10.0.0.0/8 ─┐                                ┌─ prefixes, for what matches prefixes
//	not 10.1/16 ├─► Set: ascending, disjoint ────┤
//	a set's nets┘   spans; nil is every value    └─ spans, for what matches ranges
//
// Both backends turn conditions on addresses into the elements of their tables with it. Sets are values: no method changes
// its receiver, and all may be called from many goroutines. A result may share memory with what it was made of.
package span
