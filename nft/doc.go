// Package nft puts a compiled program into force in the kernel's nf_tables.
package nft
