package xsk

// UnmapLeftovers is for the bench, which uses the library directly.
var UnmapLeftovers = unmapLeftovers
