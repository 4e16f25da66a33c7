package nft_test

import (
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"rampart/bench/lab"
	"rampart/nft"
)

// hosts makes n namespaces; without the right to, the test is skipped.
func hosts(t *testing.T, n int) []*lab.Namespace {
	t.Helper()
	l := lab.ForTest(t)
	var list []*lab.Namespace
	for i := range n {
		ns, err := l.Namespace(string(rune('a' + i)))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, ns)
	}
	return list
}

// cli runs nft(8) in a namespace.
func cli(t *testing.T, ns *lab.Namespace, stdin string, args ...string) string {
	t.Helper()
	out, err := tryCLI(ns, stdin, args...)
	if err != nil {
		t.Fatalf("nft %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func tryCLI(ns *lab.Namespace, stdin string, args ...string) (string, error) {
	var out []byte
	err := ns.Do(func() error {
		c := exec.Command("nft", args...)
		c.Stdin = strings.NewReader(stdin)
		var err error
		out, err = c.CombinedOutput()
		return err
	})
	return string(out), err
}

func backend(t *testing.T, ns *lab.Namespace, c nft.Config) *nft.Backend {
	t.Helper()
	c.NetNS = ns.FD()
	c.Logger = slog.New(slog.NewTextHandler(complaints{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	b, err := nft.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// complaints fails the test that a backend complains in.
type complaints struct{ t *testing.T }

func (c complaints) Write(b []byte) (int, error) {
	c.t.Errorf("the backend complains: %s", b)
	return len(b), nil
}

// normalise makes listings comparable: elements of a set on one line and sorted, comments and ownership left out.
func normalise(listing string) []string {
	var lines []string
	open := false
	for _, l := range strings.Split(listing, "\n") {
		l = strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(l, "table"):
			l, _, _ = strings.Cut(l, " #")
		case l == "", l[0] == '#', strings.HasPrefix(l, "flags owner"), l == "flags":
			continue
		}
		if open {
			lines[len(lines)-1] += " " + l
		} else {
			lines = append(lines, l)
		}
		if strings.HasPrefix(l, "elements = {") {
			open = true
		}
		if strings.HasSuffix(l, "}") {
			open = false
		}
	}
	for i, l := range lines {
		if body, ok := strings.CutPrefix(l, "elements = {"); ok {
			elements := strings.Split(strings.TrimSuffix(body, "}"), ",")
			for j := range elements {
				elements[j] = strings.TrimSpace(elements[j])
			}
			slices.Sort(elements)
			lines[i] = "elements = { " + strings.Join(elements, ", ") + " }"
		}
	}
	return lines
}

// pieces cuts a normalised listing into its sets and chains, sorted, since their order depends on history.
func pieces(lines []string) []string {
	var list []string
	for _, l := range lines[:len(lines)-1] {
		if strings.HasPrefix(l, "set ") || strings.HasPrefix(l, "map ") || strings.HasPrefix(l, "chain ") || len(list) == 0 {
			list = append(list, "")
		}
		list[len(list)-1] += l + "\n"
	}
	slices.Sort(list)
	return list
}
