// Package store holds the resources of all sources in memory and hands out immutable views of them.
//
//	conf ── Bundle ──► Store.Apply ──► Change      what became different
//	                       │
//	                       └─────────► View        one snapshot: typed accessors, look-ups, watch channels
//
// Apply replaces everything one source had before, in one transaction: a reader sees the bundle before or the bundle
// after, never a mixture. When two sources define the same key, the source that comes first keeps it and the other
// claim is reported as a Conflict; it takes over when the first one gives the key up.
//
// Resources in the store are constants. Nobody may write to one after it was given to Apply, and a reload that brings
// an equal resource leaves the old object in place, so an unchanged pointer means an unchanged resource.
//
// SelectorIndex is the other direction: it finds the selectors that can match given labels, and those that a change of
// some labels can affect, without looking at the others.
//
// A Store may be used from several goroutines; a View too. A SelectorIndex belongs to one goroutine.
package store
