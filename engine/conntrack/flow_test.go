package conntrack

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/model"
)

// node is an attribute to be written, with children or a value.
type node struct {
	kind     uint16
	value    []byte
	children []node
}

func encode(nodes []node) (b []byte) {
	for _, n := range nodes {
		kind, value := n.kind, n.value
		if n.children != nil {
			kind, value = kind|0x8000, encode(n.children) // NLA_F_NESTED
		}
		b = binary.NativeEndian.AppendUint16(b, uint16(4+len(value)))
		b = binary.NativeEndian.AppendUint16(b, kind)
		b = append(b, value...)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	return b
}

func addresses(src, dst string) node {
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	kind := uint16(1)
	if s.Is6() {
		kind = 3
	}
	return node{kind: 1, children: []node{{kind: kind, value: s.AsSlice()}, {kind: kind + 1, value: d.AsSlice()}}}
}

func ports(protocol byte, sport, dport uint16) node {
	return node{kind: 2, children: []node{
		{kind: 1, value: []byte{protocol}},
		{kind: 2, value: binary.BigEndian.AppendUint16(nil, sport)}, {kind: 3, value: binary.BigEndian.AppendUint16(nil, dport)},
	}}
}

// translated is a TCP connection to 10.0.0.1:80, which is really 10.65.0.2:8080.
func translated() []byte {
	orig := node{kind: 1, children: []node{addresses("10.9.9.9", "10.0.0.1"), ports(6, 40000, 80)}}
	zone := node{kind: 18, value: []byte{0, 5}}
	return append([]byte{2, 0, 0, 0}, encode([]node{
		orig,
		{kind: 2, children: []node{addresses("10.65.0.2", "10.9.9.9"), ports(6, 8080, 40000)}},
		{kind: 3, value: []byte{0, 0, 1, 0x8e}},
		{kind: 4, children: []node{{kind: 1, children: []node{{kind: 1, value: []byte{7}}, {kind: 2, value: []byte{0}}}}}},
		{kind: 8, value: []byte{0x10, 0, 0, 0x2a}},
		{kind: 99, value: []byte("from a newer kernel")},
		zone,
	})...)
}

func echo6() []byte {
	id := []byte{0, 9}
	return append([]byte{10, 0, 0, 0}, encode([]node{
		{kind: 1, children: []node{addresses("fd10::2", "fd65::2"), {kind: 2, children: []node{
			{kind: 1, value: []byte{58}}, {kind: 7, value: id}, {kind: 8, value: []byte{128}}, {kind: 9, value: []byte{0}},
		}}}},
		{kind: 2, children: []node{addresses("fd65::2", "fd10::2"), {kind: 2, children: []node{
			{kind: 1, value: []byte{58}}, {kind: 7, value: id}, {kind: 8, value: []byte{129}}, {kind: 9, value: []byte{0}},
		}}}},
	})...)
}

func TestParseFlow(t *testing.T) {
	f, err := parseFlow(translated())
	if err != nil {
		t.Fatal(err)
	}
	if got := f.original().String() + ", " + f.routed().String(); got != "tcp 10.9.9.9:40000 > 10.0.0.1:80, tcp 10.9.9.9:40000 > 10.65.0.2:8080" {
		t.Errorf("the packet is %s", got)
	}
	if f.mark != 0x1000002a || !f.closed() || f.family != 2 || f.master.valid() {
		t.Errorf("%+v", f)
	}
	// The name is what the kernel sent, tuple and zone, byte for byte.
	want := append(encode([]node{{kind: 1, children: []node{addresses("10.9.9.9", "10.0.0.1"), ports(6, 40000, 80)}}}),
		encode([]node{{kind: 18, value: []byte{0, 5}}})...)
	if diff := cmp.Diff(want, f.name); diff != "" {
		t.Errorf("name (-want +got):\n%s", diff)
	}

	f, err = parseFlow(echo6())
	if err != nil {
		t.Fatal(err)
	}
	want6 := model.Packet{Src: netip.MustParseAddr("fd10::2"), Dst: netip.MustParseAddr("fd65::2"), Protocol: model.ProtoICMPv6, ICMPType: 128}
	if diff := cmp.Diff(want6, f.routed(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("echo request (-want +got):\n%s", diff)
	}
}

func TestParseFlowRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":          {},
		"no tuple":         {2, 0, 0, 0},
		"attribute beyond": append([]byte{2, 0, 0, 0}, 0xff, 0xff, 1, 0),
		"short address":    append([]byte{2, 0, 0, 0}, encode([]node{{kind: 1, children: []node{{kind: 1, children: []node{{kind: 1, value: []byte{1, 2}}}}}}})...),
		"short mark":       append(translated(), encode([]node{{kind: 8, value: []byte{1}}})...),
		"octets left over": append(translated(), 1, 2),
	} {
		if f, err := parseFlow(b); err == nil {
			t.Errorf("%s: parsed as %+v", name, f)
		}
	}
}

func FuzzParseFlow(f *testing.F) {
	f.Add(translated())
	f.Add(echo6())
	f.Add([]byte{2, 0, 0, 0, 4, 0, 1, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseFlow(b)
		if err == nil && (!c.orig.valid() || !c.reply.valid() || len(c.name) == 0) {
			t.Errorf("parsed without what it needs: %+v", c)
		}
	})
}
