package conf

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/model"
)

// longFiles are files with a long network set, in every way to write one; the line is repeated for each net.
var longFiles = map[string]struct{ head, line, tail string }{
	"block.yaml":   {"# blocked\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: bad}\nspec:\n  nets:\n", "    - %s\n", ""},
	"flush.yaml":   {"apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nspec:\n  nets:\n", "  - %s\n", "metadata:\n  name: bad\n  labels: {a: b}\n"},
	"quoted.yaml":  {"apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: bad}\nspec:\n  nets:\n", "    - '%s' # why\n", ""},
	"flow.yaml":    {"apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: bad}\nspec: {nets: [\n", "  %s,\n", "]}\n"},
	"second.yaml":  {"apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: good}\nspec: {nets: [10.0.0.1/32]}\n---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: bad}\nspec:\n  nets:\n", "    - %s\n", ""},
	"first.yaml":   {"apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: bad}\nspec:\n  nets:\n", "    - %s\n", "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: good}\n"},
	"alias.yaml":   {"apiVersion: v1\nkind: List\nitems:\n- apiVersion: projectcalico.org/v3\n  kind: GlobalNetworkSet\n  metadata: {name: bad}\n  spec: &same\n    nets:\n", "    - %s\n", "- apiVersion: projectcalico.org/v3\n  kind: GlobalNetworkSet\n  metadata: {name: good}\n  spec: *same\n"},
	"list.json":    {"{\"apiVersion\": \"projectcalico.org/v3\", \"kind\": \"GlobalNetworkSet\", \"metadata\": {\"name\": \"bad\"}, \"spec\": {\"nets\": [\n", "  \"%s\",\n", "  \"10.0.0.1/32\"\n]}}\n"},
	"list.hcl":     {"global_network_set \"bad\" {\n  nets = [\n", "    \"%s\",\n", "  ]\n}\n"},
	"computed.hcl": {"locals {\n  list = [\n", "    \"%s\",\n", "  ]\n}\nglobal_network_set \"bad\" {\n  nets = local.list\n}\nglobal_network_set \"good\" {\n  nets = local.list\n}\n"},
}

// slowFiles are those that no edit of a line spares decoding.
var slowFiles = map[string]bool{"first.yaml": true, "alias.yaml": true, "computed.hcl": true}

// TestLongListEdited edits long lists at random, well and badly, and compares what is read of them, given the version
// before, with reading them afresh.
func TestLongListEdited(t *testing.T) {
	for name, form := range longFiles {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, uint64(len(name))))
			var lines []string
			for i := range minLongList + 200 {
				lines = append(lines, fmt.Sprintf(form.line, longNet(i)))
				if i == 700 && strings.HasSuffix(name, ".yaml") {
					lines = append(lines, "    # and these\n")
				}
			}
			text := func() []byte { return []byte(form.head + strings.Join(lines, "") + form.tail) }
			f := loadFile(inputOf(name, text()), nil)
			if f.diags.HasErrors() {
				t.Fatal(f.diags)
			}
			fast := 0
			for step := range 30 {
				before := slices.Clone(lines)
				editLines(rng, form.line, &lines)
				in := inputOf(name, text())
				if f.edited(in) != nil {
					fast++
				}
				next, fresh := loadFile(in, f), loadFile(in, nil)
				if diff := cmp.Diff(fresh.resources, next.resources, cmp.Comparer(func(a, b model.Net) bool { return a == b })); diff != "" {
					t.Fatalf("step %d (-afresh +edited):\n%s", step, diff)
				}
				if got, want := len(next.diags), len(fresh.diags); got != want || next.sum != fresh.sum {
					t.Fatalf("step %d: %d diagnostics, afresh %d", step, got, want)
				}
				if !slices.Equal(next.parts, fresh.parts) {
					t.Fatalf("step %d: parts %v, afresh %v", step, next.parts, fresh.parts)
				}
				if len(next.diags) > 0 {
					lines = before // as the daemon does, go on with what was there
					next = loadFile(inputOf(name, text()), next)
				}
				f = next
			}
			if slow := slowFiles[name]; slow != (fast == 0) || !slow && fast < 8 {
				t.Errorf("of 30 edits %d spared decoding", fast)
			}
		})
	}
}

func longNet(i int) string {
	if i%9 == 0 {
		return fmt.Sprintf("2001:db8:%x::/48", i)
	}
	return fmt.Sprintf("10.%d.%d.0/%d", i/250, i%250, 24+i%9)
}

// editLines changes some lines of a list; now and then to something that is no net, or not written as the others are.
func editLines(rng *rand.Rand, form string, lines *[]string) {
	at := rng.IntN(len(*lines))
	draw := func() string {
		switch rng.IntN(24) {
		case 0:
			return fmt.Sprintf(form, []string{"10.0.0.1/24", "10.0.0.256/32", "::/0", "2001:db8::", "1:2:3:4:5:6:7:8", "10.0.0.1", "fe80::1%eth0", "7", "10.0.0.0/33"}[rng.IntN(9)])
		case 1:
			return strings.TrimSuffix(fmt.Sprintf(form, longNet(rng.IntN(9000))), "\n") + " # new\n"
		case 2:
			return "\n"
		case 3:
			return "  " + fmt.Sprintf(form, longNet(rng.IntN(9000)))
		case 4:
			return strings.ReplaceAll(fmt.Sprintf(form, longNet(rng.IntN(9000))), "/", "/0")
		}
		return fmt.Sprintf(form, longNet(rng.IntN(9000)))
	}
	switch rng.IntN(6) {
	case 0, 1:
		*lines = slices.Insert(*lines, at, draw())
	case 2:
		*lines = slices.Delete(*lines, at, min(len(*lines), at+1+rng.IntN(3)))
	case 3:
		*lines = slices.Concat((*lines)[:at], []string{draw(), draw()}, (*lines)[at+1:])
	case 4: // at the ends
		*lines = append(append([]string{draw()}, *lines...), draw())
	case 5: // the same again
		*lines = slices.Insert(*lines, at, (*lines)[at])
	}
}

func inputOf(name string, src []byte) *input {
	in := &input{name: name, src: src}
	copy(in.sum[:], fmt.Sprint(len(src), string(src[max(0, len(src)-9):])))
	return in
}

// TestLongListWatched: a source gives the edited set under the same key and place, and leaves the set it gave before alone.
func TestLongListWatched(t *testing.T) {
	path := filepath.Join(t.TempDir(), "set.yaml")
	form := longFiles["block.yaml"]
	var lines []string
	for i := range minLongList {
		lines = append(lines, fmt.Sprintf(form.line, longNet(i)))
	}
	write := func() {
		if err := os.WriteFile(path, []byte(form.head+strings.Join(lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func(s *FileSource) *model.NetworkSet {
		b, diags := s.Load(context.Background())
		if diags.HasErrors() || len(b.Resources) != 1 {
			t.Fatal(diags)
		}
		return b.Resources[0].(*model.NetworkSet)
	}
	s := Files(path)
	write()
	first := load(s)
	nets := slices.Clone(first.Spec.Nets)
	lines = slices.Delete(lines, 500, 501)
	write()
	second := load(s)
	if !slices.Equal(first.Spec.Nets, nets) || len(second.Spec.Nets) != len(nets)-1 || second.Spec.Nets[500] != nets[501] {
		t.Error("a line less is not a net less")
	}
	if second.Key() != first.Key() || second.Origin != first.Origin {
		t.Errorf("the set is now %s at %s", second.Key(), second.Origin)
	}
}

// FuzzDifferingLines: what stands in front of and behind the lines that differ is the same, and lines are whole.
func FuzzDifferingLines(f *testing.F) {
	f.Add([]byte("a\nb\nc\n"), []byte("a\nc\n"))
	f.Add([]byte("a\nab\n"), []byte("a\na\nab\n"))
	f.Add([]byte("a"), []byte("a\nb"))
	f.Add([]byte(""), []byte("a\n"))
	f.Fuzz(func(t *testing.T, old, new []byte) {
		start, end := differingLines(old, new)
		shift := len(new) - len(old)
		if start > end || start > end+shift || string(old[:start]) != string(new[:start]) || string(old[end:]) != string(new[end+shift:]) {
			t.Fatalf("%q, %q: %d to %d", old, new, start, end)
		}
		whole := func(src []byte, at int) bool { return at == 0 || at == len(src) || src[at-1] == '\n' }
		if !whole(old, start) || !whole(old, end) || !whole(new, start) || !whole(new, end+shift) {
			t.Fatalf("%q, %q: %d to %d are no whole lines", old, new, start, end)
		}
	})
}
