package classify

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// loadClassBench reads a filter set: "@SRC/LEN DST/LEN LO : HI LO : HI PROTO/MASK …" a line.
func loadClassBench(tb testing.TB, name string) []Rule {
	tb.Helper()
	dir := os.Getenv("RAMPART_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	f, err := os.Open(filepath.Join(dir, "classbench", name+".gz"))
	if err != nil {
		tb.Skipf("no ClassBench data: %v (set RAMPART_DATA)", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var rules []Rule
	for sc := bufio.NewScanner(z); sc.Scan(); {
		var src, dst string
		r := Rule{Priority: uint64(len(rules)), Value: uint32(len(rules))}
		var proto, mask uint8
		if _, err := fmt.Sscanf(sc.Text(), "@%s %s %d : %d %d : %d 0x%x/0x%x", &src, &dst, &r.SrcPort.Min, &r.SrcPort.Max,
			&r.DstPort.Min, &r.DstPort.Max, &proto, &mask); err != nil {
			tb.Fatalf("%s: %q: %v", name, sc.Text(), err)
		}
		r.Src, r.Dst = netip.MustParsePrefix(src).Masked(), netip.MustParsePrefix(dst).Masked()
		r.Protocol, r.AnyProtocol = proto, mask == 0
		rules = append(rules, r)
	}
	return rules
}

// keysInside draws packets from the rules' boxes, corners included.
func keysInside(rules []Rule, n int, seed uint64) []Key4 {
	rng := rand.New(rand.NewPCG(seed, 1))
	pick := func(s span) uint32 {
		switch rng.IntN(4) {
		case 0:
			return s.lo
		case 1:
			return s.hi
		}
		return s.lo + uint32(rng.Uint64N(uint64(s.hi-s.lo)+1))
	}
	keys := make([]Key4, n)
	for i := range keys {
		r := &rules[rng.IntN(len(rules))]
		b := r.box(prefix4(r.Src), prefix4(r.Dst))
		keys[i] = Key4{pick(b[0]), pick(b[1]), uint16(pick(b[2])), uint16(pick(b[3])), uint8(pick(b[4]))}
	}
	return keys
}
