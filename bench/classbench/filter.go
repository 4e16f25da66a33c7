package classbench

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"rampart/engine/ir"
	"rampart/model"
)

// Filter is one line of a filter set.
type Filter struct {
	Src, Dst netip.Prefix
	// SrcPorts and DstPorts are inclusive; 0 to 65535 is any.
	SrcPorts, DstPorts ir.PortRange
	// Protocol is the number, meaningful unless AnyProtocol.
	Protocol    uint8
	AnyProtocol bool
}

// ErrSyntax is wrapped by the errors of Read for lines that are not filters.
var ErrSyntax = errors.New("not a ClassBench filter")

// Open reads a filter file; a name that ends in .gz is uncompressed.
func Open(path string) ([]Filter, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !strings.HasSuffix(path, ".gz") {
		return Read(f)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	filters, err := Read(z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return filters, nil
}

// Read reads filters, one a line; empty lines are skipped.
func Read(r io.Reader) ([]Filter, error) {
	var out []Filter
	scan := bufio.NewScanner(r)
	for n := 1; scan.Scan(); n++ {
		line := strings.TrimSpace(scan.Text())
		if line == "" {
			continue
		}
		f, err := Parse(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		out = append(out, f)
	}
	return out, scan.Err()
}

// Parse reads one line.
func Parse(line string) (Filter, error) {
	bad := func(what string) (Filter, error) { return Filter{}, fmt.Errorf("%w: %s in %q", ErrSyntax, what, line) }
	rest, ok := strings.CutPrefix(line, "@")
	w := strings.Fields(rest)
	if !ok || len(w) < 9 || w[3] != ":" || w[6] != ":" {
		return bad("columns")
	}
	var f Filter
	var err error
	if f.Src, err = netip.ParsePrefix(w[0]); err != nil {
		return bad("source")
	}
	if f.Dst, err = netip.ParsePrefix(w[1]); err != nil || f.Src.Addr().Is4() != f.Dst.Addr().Is4() {
		return bad("destination")
	}
	f.Src, f.Dst = f.Src.Masked(), f.Dst.Masked()
	if f.SrcPorts, ok = ports(w[2], w[4]); !ok {
		return bad("source ports")
	}
	if f.DstPorts, ok = ports(w[5], w[7]); !ok {
		return bad("destination ports")
	}
	number, mask, ok := strings.Cut(w[8], "/")
	v, err1 := strconv.ParseUint(number, 0, 8)
	m, err2 := strconv.ParseUint(mask, 0, 8)
	if !ok || err1 != nil || err2 != nil || m != 0 && m != 0xff {
		return bad("protocol")
	}
	f.Protocol, f.AnyProtocol = uint8(v), m == 0
	return f, nil
}

func ports(lo, hi string) (r ir.PortRange, ok bool) {
	a, err1 := strconv.ParseUint(lo, 10, 16)
	b, err2 := strconv.ParseUint(hi, 10, 16)
	return ir.PortRange{Min: uint16(a), Max: uint16(b)}, err1 == nil && err2 == nil && a <= b
}

// any tells that every port is in the range.
func anyPort(r ir.PortRange) bool { return r == ir.PortRange{Min: 0, Max: 65535} }

// Match is the filter as conditions of a policy rule. The model has ports only for TCP, UDP and SCTP, while some sets
// ask for ports of protocols that do not exist: such a protocol stands for one of the three.
func (f *Filter) Match() ir.Match {
	var m ir.Match
	m.IPVersion = 4
	if f.Src.Addr().Is6() {
		m.IPVersion = 6
	}
	if f.Src.Bits() > 0 {
		m.Src.Nets = []netip.Prefix{f.Src}
	}
	if f.Dst.Bits() > 0 {
		m.Dst.Nets = []netip.Prefix{f.Dst}
	}
	if !anyPort(f.SrcPorts) {
		m.Src.Ports = []ir.PortRange{f.SrcPorts}
	}
	if !anyPort(f.DstPorts) {
		m.Dst.Ports = []ir.PortRange{f.DstPorts}
	}
	m.Protocol = f.protocol()
	return m
}

// protocol is the protocol of the rule, 0 for any.
func (f *Filter) protocol() uint8 {
	if f.AnyProtocol {
		return 0
	}
	if (anyPort(f.SrcPorts) && anyPort(f.DstPorts)) || model.HasPorts(f.Protocol) {
		return max(f.Protocol, 1)
	}
	return [...]uint8{model.ProtoTCP, model.ProtoUDP, model.ProtoSCTP}[f.Protocol%3]
}

// Packet draws a packet that the filter matches, of a source and destination that a host forwards: no loopback,
// multicast or reserved address, if the filter leaves that choice.
func (f *Filter) Packet(r *rand.Rand) model.Packet {
	p := model.Packet{Src: unicast(r, f.Src), Dst: unicast(r, f.Dst), Protocol: f.protocol()}
	if p.Protocol == 0 {
		p.Protocol = [...]uint8{model.ProtoTCP, model.ProtoUDP}[r.IntN(2)]
	}
	p.SrcPort = f.SrcPorts.Min + uint16(r.IntN(int(f.SrcPorts.Max-f.SrcPorts.Min)+1))
	p.DstPort = f.DstPorts.Min + uint16(r.IntN(int(f.DstPorts.Max-f.DstPorts.Min)+1))
	if p.Protocol == model.ProtoICMP {
		p.ICMPType = 8
	}
	return p
}

// Forwardable tells that some packet that the filter matches has addresses that a router forwards.
func (f *Filter) Forwardable() bool {
	r := rand.New(rand.NewPCG(1, 1))
	for _, p := range []netip.Prefix{f.Src, f.Dst} {
		if !forwardable(unicast(r, p)) {
			return false
		}
	}
	return true
}

func forwardable(a netip.Addr) bool {
	if a.Is6() {
		return a.IsGlobalUnicast()
	}
	first := a.As4()[0]
	return first != 0 && first < 224 && !a.IsLoopback()
}

func unicast(r *rand.Rand, p netip.Prefix) netip.Addr {
	var a netip.Addr
	for range 100 {
		b := p.Addr().AsSlice()
		for i := p.Bits(); i < len(b)*8; i++ {
			if r.IntN(2) == 1 {
				b[i/8] |= 0x80 >> (i % 8)
			}
		}
		a, _ = netip.AddrFromSlice(b)
		if forwardable(a) {
			break
		}
	}
	return a
}

// Matches tells whether the filter matches a packet. Packets of protocols without ports have port 0.
func (f *Filter) Matches(p *model.Packet) bool {
	if q := f.protocol(); q != 0 && q != p.Protocol || !f.Src.Contains(p.Src) || !f.Dst.Contains(p.Dst) {
		return false
	}
	in := func(r ir.PortRange, port uint16) bool {
		return anyPort(r) || model.HasPorts(p.Protocol) && r.Min <= port && port <= r.Max
	}
	return in(f.SrcPorts, p.SrcPort) && in(f.DstPorts, p.DstPort)
}
