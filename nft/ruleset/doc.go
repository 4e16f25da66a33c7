// Package ruleset describes an nftables table as inert data: base chains, chains, sets, verdict maps and rules made of
// typed statements. It neither knows where the rules come from (nft/lower does) nor talks to the kernel (nft does).
//
// Every statement has three readings, kept side by side in one file:
//
//	Text   nft(8) syntax, as close as possible to what nft 1.0.6 lists for the same statement
//	Exprs  the expressions google/nftables sends to the kernel
//	Eval   what it does to a packet, so that a Machine can run the whole table in Go
//
// Text and Exprs are compared by loading both into a namespace and listing them; Eval is compared with the policy
// evaluator. A mistake in one reading therefore shows.
//
// Keys of set elements are stored as the kernel sees them: each field in network byte order (host order for marks and
// interface indexes), padded to a multiple of four bytes, one after the other.
//
// Values are immutable once built and may be shared between goroutines. A Machine may not.
package ruleset
