package classbench_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rampart/bench/classbench"
	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
)

func Example() {
	f, err := classbench.Parse("@192.0.2.0/24	198.51.100.7/32	0 : 65535	1024 : 65535	0x06/0xFF	0x1000/0x1000")
	m := f.Match()
	fmt.Println(f.Src, f.Dst, m.Protocol, m.Src.Ports, m.Dst.Ports, err)
	// Output: 192.0.2.0/24 198.51.100.7/32 6 [] [1024-65535] <nil>
}

func TestParseRefuses(t *testing.T) {
	const good = "@192.0.2.0/24 198.51.100.7/32 0 : 65535 1024 : 65535 0x06/0xFF 0x0000/0x0000"
	for what, line := range map[string]string{
		"no at sign":       strings.TrimPrefix(good, "@"),
		"source":           strings.Replace(good, "192.0.2.0/24", "192.0.2.0", 1),
		"destination":      strings.Replace(good, "198.51.100.7/32", "198.51.100.7/33", 1),
		"two families":     strings.Replace(good, "198.51.100.7/32", "2001:db8::/32", 1),
		"ports reversed":   strings.Replace(good, "0 : 65535", "9 : 8", 1),
		"port too high":    strings.Replace(good, "0 : 65535", "0 : 65536", 1),
		"protocol":         strings.Replace(good, "0x06/0xFF", "tcp", 1),
		"protocol's mask":  strings.Replace(good, "0x06/0xFF", "0x06/0x0F", 1),
		"too few columns":  "@192.0.2.0/24 198.51.100.7/32",
		"something else":   "# comment",
		"colons elsewhere": strings.ReplaceAll(good, ":", "-"),
	} {
		if _, err := classbench.Parse(line); !errors.Is(err, classbench.ErrSyntax) {
			t.Errorf("%s: error is %v", what, err)
		}
	}
	if _, err := classbench.Read(strings.NewReader(good + "\n\nrubbish\n")); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("error is %v", err)
	}
}

// data is the directory of filter sets, which is not part of the repository.
func data(t *testing.T) string {
	dir := os.Getenv("RAMPART_DATA")
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(wd, "..", "..", "..", "shared", "data")
	}
	dir = filepath.Join(dir, "classbench")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the filter sets are not here: %v", err)
	}
	return dir
}

// Every packet drawn from a filter of the real sets matches the rule made of it.
func TestPacketsMatchTheirRules(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(data(t), "*_1k.gz"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	m := flat.NewMatcher(nil)
	for _, f := range files {
		filters, err := classbench.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		if len(filters) < 600 {
			t.Errorf("%s: %d filters", filepath.Base(f), len(filters))
		}
		for i := range filters {
			p := filters[i].Packet(r)
			if !m.Matches(&ir.Rule{Match: filters[i].Match()}, &p) {
				t.Fatalf("%s: %+v does not match %+v", filepath.Base(f), p, filters[i])
			}
		}
	}
}

func TestPacketsAreForwardable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	all := netip.MustParsePrefix("0.0.0.0/0")
	f := classbench.Filter{Src: all, Dst: all, SrcPorts: ir.PortRange{Max: 65535}, DstPorts: ir.PortRange{Max: 65535}, AnyProtocol: true}
	for range 1000 {
		p := f.Packet(r)
		for _, a := range []netip.Addr{p.Src, p.Dst} {
			if a.IsLoopback() || a.IsMulticast() || a.As4()[0] == 0 || a.As4()[0] >= 224 {
				t.Fatalf("packet %v", p)
			}
		}
		if !model.HasPorts(p.Protocol) {
			t.Fatalf("packet %v", p)
		}
	}
}

// A packet drawn from a filter matches it, and not one of another protocol, address or port.
func TestMatches(t *testing.T) {
	f, err := classbench.Parse("@192.0.2.0/24 198.51.100.7/32 0 : 65535 1024 : 2047 0x06/0xFF 0x0000/0x0000")
	if err != nil {
		t.Fatal(err)
	}
	p := f.Packet(rand.New(rand.NewPCG(1, 2)))
	if !f.Matches(&p) {
		t.Errorf("%v does not match", p)
	}
	for what, change := range map[string]func(*model.Packet){
		"protocol":         func(p *model.Packet) { p.Protocol = model.ProtoUDP },
		"source":           func(p *model.Packet) { p.Src = netip.MustParseAddr("192.0.3.1") },
		"destination":      func(p *model.Packet) { p.Dst = netip.MustParseAddr("198.51.100.8") },
		"destination port": func(p *model.Packet) { p.DstPort = 2048 },
	} {
		q := p
		if change(&q); f.Matches(&q) {
			t.Errorf("%v matches, with another %s", q, what)
		}
	}
}
