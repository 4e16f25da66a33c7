// Package nft puts compiled programs into force in the kernel's nf_tables.
//
//	ir.Program ──► nft/lower ──► nft/ruleset ──► Backend ──► netlink transactions
//	                                 └─► Render: the same table as nft(8) text
//
// A Backend keeps one table, "inet rampart". It remembers what it has sent and sends only what differs: elements where
// elements differ, rules where rules do. The first Apply of a process, and one after others have changed the table, makes
// the table anew; what an earlier process left needs no other care. Tables of others are never touched.
//
// A packet meets the old policy or the new one, never neither. One transaction would be enough for that if the kernel
// filled new sets at the instant in which rules change over; it does not (batch.go), so a change goes out in up to two:
// what no packet reaches yet, then the change-over. Each is all or nothing. While a table is made anew, a second one,
// "rampart-handover", stands in for it.
//
// # Who may change the table
//
// Where the kernel can (Linux 6.9), the table has the flags owner and persist. Only our socket may then change it:
// "nft flush ruleset" passes it by, "nft delete table" is refused, and a second daemon gets ErrTableInUse. When the
// process ends, even by kill -9, the table stays in force without an owner and the next process may take it over. The
// flag owner alone (Linux 5.12) would take the table down with the process and is not used. nft 1.0.6 shows the flags as
// "flags owner", and of a table left behind as "flags ".
//
// Without ownership, and with Config.Shared, WatchDrift follows the kernel's announcements, so that the engine can have
// the table repaired. Each commit is tied to the generation of the ruleset it was made for; if another program has
// committed meanwhile, the kernel refuses ours and we look again.
//
// # Counters and logs
//
// Rules end their comment with "#" and their RuleID in hexadecimal digits, log prefixes too. Counters are added up by it
// and handed on when a rule is replaced, also from one process to the next.
package nft
