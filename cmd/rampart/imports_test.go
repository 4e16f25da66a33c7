package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// room says what the packages of one part of the tree may import of the module and of others. A room includes the
// packages below it, except those with a room of their own; packages of one room may import each other.
type room struct {
	// inside lists rooms of this module.
	inside []string
	// outside lists modules by path prefix; nil allows any, an empty list none.
	outside []string
}

var nothing = []string{}

// rooms is the design's table of who may import whom. The point of it: a policy means the same to every backend because
// no backend can reach around the compiled program, and the backends and the engine know each other only through
// cmd/rampart.
var rooms = map[string]room{
	"model":          {inside: []string{"model/selector"}, outside: nothing},
	"model/selector": {outside: nothing},
	"model/store":    {inside: []string{"model", "model/selector"}, outside: []string{"github.com/hashicorp/go-memdb"}},
	"conf":           {inside: []string{"model", "model/selector"}},
	"engine/ir":      {inside: []string{"model"}, outside: nothing},
	"engine/compile": {inside: []string{"model", "model/selector", "model/store", "engine/ir"}, outside: nothing},
	"engine/eval":    {inside: []string{"model", "model/selector", "engine/ir"}, outside: nothing},
	"engine":         {inside: []string{"model", "model/selector", "model/store", "conf", "engine/ir", "engine/compile", "engine/eval"}},
	"engine/conntrack": {
		inside: []string{"model", "engine/ir", "engine/eval"}, outside: []string{"github.com/vishvananda/netlink", "golang.org/x/sys/unix"},
	},
	"nft":   {inside: []string{"model", "engine/ir"}},
	"xdp":   {inside: []string{"model", "engine/ir"}},
	"bench": {inside: []string{"*"}},
	"cmd":   {inside: []string{"*"}},
}

const module = "rampart"

// roomOf is the longest room that holds a package path of this module.
func roomOf(path string) string {
	for path = strings.TrimPrefix(path, module+"/"); path != ""; {
		if _, ok := rooms[path]; ok {
			return path
		}
		i := strings.LastIndexByte(path, '/')
		if i < 0 {
			break
		}
		path = path[:i]
	}
	return ""
}

// mayImport tells whether a package of the room may import a path.
func (r room) mayImport(self, path string) bool {
	if path != module && !strings.HasPrefix(path, module+"/") {
		first, _, _ := strings.Cut(path, "/")
		if !strings.Contains(first, ".") || r.outside == nil {
			return true // the standard library, or a room that may use what it needs
		}
		return hasPrefix(r.outside, path)
	}
	other := roomOf(path)
	return other == self || hasPrefix(r.inside, "*") || contains(r.inside, other)
}

func hasPrefix(list []string, path string) bool {
	for _, p := range list {
		if p == "*" || path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// The packages import each other only along the edges of the design. Tests are free to import more.
func TestImportRules(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v: %s", err, exit.Stderr)
		}
		t.Skipf("the go command is needed to list packages: %v", err)
	}
	seen := 0
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen++
		self := roomOf(p.ImportPath)
		if self == "" {
			t.Errorf("package %s is in no room of the design", p.ImportPath)
			continue
		}
		for _, path := range p.Imports {
			if !rooms[self].mayImport(self, path) {
				t.Errorf("package %s (room %s) imports %s, which the design forbids", p.ImportPath, self, path)
			}
		}
	}
	if seen < len(rooms)-1 {
		t.Errorf("only %d packages were listed", seen)
	}
}

// The rule itself tells good edges from bad ones.
func TestImportRuleTable(t *testing.T) {
	for _, tc := range []struct {
		from, to string
		want     bool
	}{
		{"rampart/model", "strings", true},
		{"rampart/model", "rampart/model/selector", true},
		{"rampart/model", "rampart/model/store", false},
		{"rampart/model", "golang.org/x/sys/unix", false},
		{"rampart/model/store", "github.com/hashicorp/go-memdb", true},
		{"rampart/conf/hcl", "rampart/conf/tree", true},
		{"rampart/conf", "rampart/engine/ir", false},
		{"rampart/engine/ir/flat", "rampart/engine/ir", true},
		{"rampart/engine/eval", "rampart/engine/compile", false},
		{"rampart/engine/eval", "rampart/model/store", false},
		{"rampart/engine", "rampart/nft", false},
		{"rampart/engine/api", "rampart/xdp", false},
		{"rampart/engine", "rampart/engine/conntrack", false},
		{"rampart/engine/conntrack", "rampart/nft", false},
		{"rampart/nft", "rampart/engine", false},
		{"rampart/nft/ruleset", "rampart/engine/ir/flat", true},
		{"rampart/xdp/classify", "rampart/nft", false},
		{"rampart/cmd/rampart", "rampart/nft", true},
		{"rampart/bench/lab", "rampart/model", true},
		{"rampart/model", "rampart/bench/lab", false},
	} {
		self := roomOf(tc.from)
		if got := rooms[self].mayImport(self, tc.to); got != tc.want {
			t.Errorf("%s (room %q) imports %s: allowed %v, want %v", tc.from, self, tc.to, got, tc.want)
		}
	}
}
