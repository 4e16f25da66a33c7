// Command update measures what changes and starts cost the real daemon: it runs bin/rampart in a network namespace with
// generated policy files, changes one file again and again, and follows the kernel's announcements (NFNLGRP_NFTABLES) to
// see when each change has been committed. During the start nobody listens to those; the ruleset's generation tells.
//
//	go run ./bench/update                              one endpoint's label among ten thousand endpoints
//	go run ./bench/update -label app                   a label by which policies select the endpoint itself
//	go run ./bench/update -each                        a file per endpoint
//	go run ./bench/update -policies 1000 -changes 0    the cold start alone
//	go run ./bench/update -prefixes 100000             one prefix more and one less in a network set
//
// A change lasts from rename(2) of the changed file to the last commit it causes; the daemon's debounce is set to 1 ms and
// counts. Beside the time it takes, which other work on the machine lengthens, the daemon's own processor time is told, up to
// the commit and until the daemon is idle again. Nothing outside the namespace is touched.
package main
