package model

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParsePacket(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.3")
	a6, b6 := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	for _, tc := range []struct {
		text string
		want Packet
	}{
		{"tcp 10.0.0.1:40000 > 10.0.0.3:6379", Packet{Src: a, Dst: b, Protocol: 6, SrcPort: 40000, DstPort: 6379}},
		{"UDP [2001:db8::1]:5353 > [2001:db8::2]:53", Packet{Src: a6, Dst: b6, Protocol: 17, SrcPort: 5353, DstPort: 53}},
		{"icmp 10.0.0.1 > 10.0.0.3", Packet{Src: a, Dst: b, Protocol: 1, ICMPType: 8}},
		{"icmp 10.0.0.1 > 10.0.0.3 type 3 code 4", Packet{Src: a, Dst: b, Protocol: 1, ICMPType: 3, ICMPCode: 4}},
		{"icmpv6 2001:db8::1 > [2001:db8::2]", Packet{Src: a6, Dst: b6, Protocol: 58, ICMPType: 128}},
		{"proto 47 10.0.0.1 > 10.0.0.3", Packet{Src: a, Dst: b, Protocol: 47}},
		{"proto 6 10.0.0.1:1 > 10.0.0.3:2", Packet{Src: a, Dst: b, Protocol: 6, SrcPort: 1, DstPort: 2}},
		{"47 10.0.0.1 > 10.0.0.3", Packet{Src: a, Dst: b, Protocol: 47}},
		{"sctp 10.0.0.1:1 > 10.0.0.3:2", Packet{Src: a, Dst: b, Protocol: 132, SrcPort: 1, DstPort: 2}},
		{"udplite 10.0.0.1:1 > 10.0.0.3:2", Packet{Src: a, Dst: b, Protocol: 136, SrcPort: 1, DstPort: 2}},
		{"tcp 10.0.0.1 > 10.0.0.3 fragment", Packet{Src: a, Dst: b, Protocol: 6, Fragment: true}},
		{"tcp 10.0.0.1:9 > 10.0.0.3:80 http GET /a", Packet{Src: a, Dst: b, Protocol: 6, SrcPort: 9, DstPort: 80, HTTP: &HTTPRequest{"GET", "/a"}}},
	} {
		got, err := ParsePacket(tc.text)
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
			continue
		}
		if d := cmp.Diff(tc.want, got, cmpopts.EquateComparable(netip.Addr{})); d != "" {
			t.Errorf("%s: -want +got\n%s", tc.text, d)
		}
	}
}

func TestParsePacketErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "is empty",
		"tcq 10.0.0.1:1 > 10.0.0.3:2":            `protocol "tcq" is not one of tcp`,
		"tcp 10.0.0.1:1 10.0.0.3:2":              "SOURCE > DESTINATION",
		"tcp 10.0.0.1 > 10.0.0.3:80":             "needs a source and a destination port",
		"tcp ::1:1 > ::2:2":                      "needs a source and a destination port, as in [2001:db8::1]:40000",
		"tcp 10.0.0.1:1 > 10.0.0.3:70000":        "is not an address",
		"tcp 10.0.0.1:1 > [2001:db8::1]:2":       "two IP versions",
		"tcp [::ffff:10.0.0.1]:1 > [::1]:2":      "IPv4-mapped",
		"icmp 10.0.0.1:1 > 10.0.0.3":             "icmp has no ports",
		"icmp 10.0.0.1 > 10.0.0.3 type 256":      `type "256" is not in 0-255`,
		"tcp 10.0.0.1:1 > 10.0.0.3:2 type 8":     "only for icmp",
		"tcp 10.0.0.1:1 > 10.0.0.3:2 fragment":   "a fragment has no ports",
		"udp 10.0.0.1:1 > 10.0.0.3:2 http GET /": "http is only for tcp",
		"proto":                                  "proto needs a number",
		"proto 256 10.0.0.1 > 10.0.0.3":          "not in 0-255",
		"tcp 10.0.0.1:1 > 10.0.0.3:2 syn":        `"syn" is not understood`,
	} {
		_, err := ParsePacket(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one about %q", text, err, want)
		}
	}
}

func FuzzParsePacket(f *testing.F) {
	for _, s := range []string{
		"tcp 10.0.0.1:40000 > 10.0.0.3:6379", "udp [2001:db8::1]:5353 > [2001:db8::2]:53", "icmp 10.0.0.1 > 10.0.0.3 type 3 code 4",
		"proto 47 10.0.0.1 > 10.0.0.3", "tcp 10.0.0.1 > 10.0.0.3 fragment", "tcp 10.0.0.1:9 > 10.0.0.3:80 http GET /a", "proto 300 > >",
		"udplite 10.0.0.1 > 10.0.0.3", "icmp [10.0.0.1] > 10.0.0.3%eth0",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePacket(s)
		if err != nil {
			return
		}
		again, err := ParsePacket(p.String())
		if err != nil {
			t.Fatalf("%q reads, but its text %q does not: %v", s, p, err)
		}
		if d := cmp.Diff(p, again, cmpopts.EquateComparable(netip.Addr{})); d != "" {
			t.Fatalf("%q does not survive its text %q: %s", s, p, d)
		}
	})
}

func TestProbeJSON(t *testing.T) {
	line := `{"endpoint":"wep/prod/db","direction":"Ingress","packet":{"src":"10.0.0.1","dst":"10.0.0.3","protocol":"TCP","sport":40000,"dport":6379}}`
	var p Probe
	if err := json.Unmarshal([]byte(line), &p); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"endpoint":"WorkloadEndpoint/prod/db","direction":"ingress","hook":"normal","packet":{"src":"10.0.0.1","dst":"10.0.0.3","protocol":6,"sport":40000,"dport":6379}}`
	if string(out) != want {
		t.Errorf("got  %s\nwant %s", out, want)
	}
	for _, bad := range []string{
		`{"endpoint":"wep/prod/db","direction":"in","packet":{"src":"10.0.0.1","dst":"10.0.0.3","protocol":6}}`,
		`{"endpoint":"wep/prod/db","direction":"ingress","packet":{"src":"10.0.0.1","dst":"10.0.0.3","protocol":600}}`,
		`{"endpoint":"wep/prod/db","direction":"ingress","packet":{"src":"10.0.0.1","protocol":6}}`,
		`{"endpoint":"wep/prod/db","direction":"ingress","packet":{"src":"10.0.0.1","dst":"10.0.0.3"}}`,
		`{"endpoint":"wep/prod/db","direction":"ingress","packet":{"src":"10.0.0.1","dst":"10.0.0.3","protocol":6,"port":5}}`,
		`{"endpoint":"wep/prod/db","direction":"ingress","hook":"raw","packet":{"src":"10.0.0.1","dst":"10.0.0.3","protocol":6}}`,
		`{"endpoint":"pod/prod/db","direction":"ingress","packet":{"src":"10.0.0.1","dst":"10.0.0.3","protocol":6}}`,
	} {
		if err := json.Unmarshal([]byte(bad), &p); err == nil {
			t.Errorf("accepted: %s", bad)
		}
	}
}

func FuzzProbeJSON(f *testing.F) {
	f.Add([]byte(`{"endpoint":"wep/prod/db","direction":"ingress","hook":"preDNAT","packet":{"src":"10.0.0.1","dst":"10.0.0.3","protocol":"TCP","sport":1,"dport":2}}`))
	f.Add([]byte(`{"endpoint":"hep/h","direction":"egress","packet":{"src":"::1","dst":"::2","protocol":58,"icmpType":128,"fragment":true,"http":{"method":"GET","path":"/"}}}`))
	f.Add([]byte(`{"packet":{"protocol":null}} {}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, again Probe
		if json.Unmarshal(b, &p) != nil {
			return
		}
		out, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &again); err != nil {
			t.Fatalf("%s became %s: %v", b, out, err)
		}
		if d := cmp.Diff(p, again, cmpopts.EquateComparable(netip.Addr{})); d != "" {
			t.Fatal(d)
		}
	})
}

func TestParseKey(t *testing.T) {
	for text, want := range map[string]string{
		"WorkloadEndpoint/prod/db": "WorkloadEndpoint/prod/db", "wep/db": "WorkloadEndpoint/default/db", "HEP/h1": "HostEndpoint/h1",
	} {
		k, err := ParseKey(text)
		if err != nil || k.String() != want {
			t.Errorf("%s: %v, %v", text, k, err)
		}
	}
	for _, bad := range []string{"", "db", "hep/", "hep/a/b", "wep//db", "wep/a/b/c", "what/a"} {
		if k, err := ParseKey(bad); err == nil {
			t.Errorf("%q accepted as %v", bad, k)
		}
	}
}

func TestVerdictJSON(t *testing.T) {
	v := Verdict{Decision: DecisionDeny, Rule: 0xabc, DecidedBy: "default/NetworkPolicy:prod/a[0]", Origin: Origin{File: "p.yaml", Line: 12}, Logged: []string{"x"}}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"verdict":"deny","decidedBy":"default/NetworkPolicy:prod/a[0]","logged":["x"],"origin":"p.yaml:12","rule":"0000000000000abc"}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	var back Verdict
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(v, back); d != "" {
		t.Error(d)
	}
}
