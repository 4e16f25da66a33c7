package bpf

// The generated files are committed: building needs no C compiler. TestObjectsAreCurrent compares them with what the
// source gives. Clang 14 is what Debian 12 has; another version may give other, equally good code.
//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cc clang -tags linux -type settings -type flow -type verdict -type counter -type ports -type room -type inquiry -type recents fastPath fastpath.c -- -O2 -g -Wall -Werror -mcpu=v3 -I/usr/include/x86_64-linux-gnu -I/usr/include/aarch64-linux-gnu
