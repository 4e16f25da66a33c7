# Rampart. The targets people want:
#
#   make build           bin/rampart
#   sudo make demo       the real daemon on the sample policy, in throwaway namespaces, with real packets
#   sudo make test       every test, those that need root too, and some seconds of every fuzz target
#   sudo make bench      rampart and other firewalls side by side, less than two minutes; report in bench/results
#   make lint            gofmt, go vet, staticcheck
#   sudo make install    DESTDIR and PREFIX as usual
#
# A fresh Debian machine needs Go and git beforehand; the targets install what else they need with apt-get.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# sudo keeps neither the user's PATH nor /usr/local/go/bin in its own.
GO ?= $(shell PATH="$$PATH:/usr/local/go/bin:/usr/lib/go/bin" command -v go)
ifeq ($(GO),)
$(error Go is not in PATH nor in /usr/local/go/bin; see https://go.dev/doc/install)
endif
export PATH := $(dir $(GO)):$(PATH):/usr/sbin:/sbin

PREFIX ?= /usr/local
DESTDIR ?=
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system

FUZZTIME ?= 3s
TESTFLAGS ?=
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0

VERSION ?= $(shell git -c safe.directory='*' describe --tags --always --dirty 2>/dev/null || echo unknown)
# No VCS stamp: under sudo the checkout belongs to somebody else, and git refuses to look at it.
BUILD := $(GO) build -buildvcs=false -trimpath -ldflags '-s -w -X main.version=$(VERSION)'

.PHONY: all build clang generate test fuzz demo bench lint install uninstall clean
all: build

build:
	$(BUILD) -o bin/ ./cmd/...

# The XDP program's objects are committed; only making them again needs a C compiler.
clang:
	packaging/need clang=clang llvm-strip=llvm $(if $(wildcard /usr/include/bpf/bpf_helpers.h),,libbpf-headers=libbpf-dev)

generate: clang
	$(GO) generate ./xdp/bpf

test:
	packaging/need nft=nftables ip=iproute2 conntrack=conntrack
	$(GO) vet ./...
	$(GO) test -count=1 -timeout 15m $(TESTFLAGS) ./...
	$(MAKE) --no-print-directory fuzz

# Each target gets a few seconds beyond its seeds. A failure is written to the package's testdata/fuzz, to be kept. Go before
# 1.27 may call the end of the time a failure, without an input that fails (go.dev/issue/75804): then the target has another go.
fuzz:
	@for pkg in $$($(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "fuzz $$pkg $$target"; \
			run() { $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg 2>&1; }; \
			out=$$(run) || { ! grep -q 'Failing input' <<<"$$out" && grep -qx '    context deadline exceeded' <<<"$$out" && out=$$(run); } || \
				{ echo "$$out"; exit 1; }; \
			grep -v '^fuzz: elapsed' <<<"$$out"; \
		done; \
	done

demo: build
	@packaging/need nft=nftables ip=iproute2
	@$(GO) run -buildvcs=false ./bench/demo -rampart bin/rampart -examples examples

# Flags for another run: make bench BENCH='scale --sets acl --rules 1k,10k'
BENCH ?= quick
bench: build
	@packaging/need nft=nftables ip=iproute2 iptables=iptables ipset=ipset
	bin/rampart-bench $(BENCH)

lint:
	@bad=$$(gofmt -l $$(git -c safe.directory='*' ls-files '*.go')); \
		if [ -n "$$bad" ]; then echo "gofmt would change:"; echo "$$bad"; exit 1; fi
	$(GO) vet ./...
	@if $(GO) run $(STATICCHECK) -version >/dev/null 2>&1; then echo "staticcheck ./..."; $(GO) run $(STATICCHECK) ./...; \
		else echo "staticcheck cannot be fetched here: skipped"; fi

install: build
	install -D -m 755 bin/rampart $(DESTDIR)$(PREFIX)/bin/rampart
	bin/rampart man $(DESTDIR)$(PREFIX)/share/man/man8
	install -d $(DESTDIR)$(UNITDIR)
	sed 's|@PREFIX@|$(PREFIX)|g; s|@SYSCONFDIR@|$(SYSCONFDIR)|g' packaging/rampart.service >$(DESTDIR)$(UNITDIR)/rampart.service
	install -d $(DESTDIR)$(SYSCONFDIR)/rampart/policy
	[ -e $(DESTDIR)$(SYSCONFDIR)/rampart/rampart.hcl ] || \
		install -m 644 packaging/rampart.hcl $(DESTDIR)$(SYSCONFDIR)/rampart/rampart.hcl
	@for f in $(DESTDIR)$(PREFIX)/share/bash-completion/completions/rampart=bash \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_rampart=zsh \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/rampart.fish=fish; do \
		install -d "$$(dirname "$${f%=*}")"; bin/rampart completion "$${f#*=}" >"$${f%=*}"; \
	done
	@echo "Installed. A first policy: examples/host; then see README.md, \"Guard a host\"."

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/rampart $(DESTDIR)$(PREFIX)/share/man/man8/rampart*.8 $(DESTDIR)$(UNITDIR)/rampart.service \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/rampart $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_rampart \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/rampart.fish

clean:
	rm -rf bin
