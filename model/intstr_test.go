package model

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestPortFromJSON(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Port
		err  string
	}{
		{`80`, Port{Min: 80, Max: 80}, ""},
		{`"80"`, Port{Min: 80, Max: 80}, ""},
		{`0`, Port{}, ""},
		{`65535`, Port{Min: 65535, Max: 65535}, ""},
		{`"6040:6050"`, Port{Min: 6040, Max: 6050}, ""},
		{`"80:80"`, Port{Min: 80, Max: 80}, ""},
		{`"http"`, Port{Name: "http"}, ""},
		{`"-5"`, Port{Name: "-5"}, ""},
		{`65536`, Port{}, "invalid port format (65536)"},
		{`"99999999999999999999"`, Port{}, "invalid port format (99999999999999999999)"},
		{`-1`, Port{}, "invalid port format (-1)"},
		{`80.5`, Port{}, "invalid port format (80.5)"},
		{`"1:65536"`, Port{}, "invalid maximum port number in range (1:65536)"},
		{`"65536:65537"`, Port{}, "invalid minimum port number in range (65536:65537)"},
		{`"90:80"`, Port{}, "minimum port number (90) is greater than maximum port number (80) in port range"},
		{`"bad port"`, Port{}, "invalid name for named port (bad port)"},
		{`"a:b"`, Port{}, "invalid name for named port (a:b)"},
		{`"+80"`, Port{}, "invalid name for named port (+80)"},
		{`""`, Port{}, "invalid name for named port ()"},
		{`null`, Port{}, "invalid name for named port ()"},
		{`true`, Port{}, "cannot unmarshal bool"},
	} {
		var got Port
		err := json.Unmarshal([]byte(c.in), &got)
		check(t, c.in, got, c.want, err, c.err)
	}
}

func TestProtocolFromJSON(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Protocol
		err  string
	}{
		{`"TCP"`, Protocol{"TCP", 6}, ""},
		{`"UDPLite"`, Protocol{"UDPLite", 136}, ""},
		{`"tcp"`, Protocol{Name: "tcp"}, ""},
		{`6`, Protocol{Number: 6}, ""},
		{`"6"`, Protocol{Number: 6}, ""},
		{`255`, Protocol{Number: 255}, ""},
		{`0`, Protocol{Name: "0"}, ""},
		{`"1.5"`, Protocol{Name: "1.5"}, ""},
		{`"-1"`, Protocol{Name: "-1"}, ""},
		{`null`, Protocol{}, ""},
		{`256`, Protocol{}, "protocol number 256 is not in 1-255"},
		{`-1`, Protocol{}, "protocol number -1 is not in 1-255"},
		{`1.5`, Protocol{}, "protocol number 1.5 is not in 1-255"},
	} {
		var got Protocol
		err := json.Unmarshal([]byte(c.in), &got)
		check(t, c.in, got, c.want, err, c.err)
	}
}

func TestIPVersionFromJSON(t *testing.T) {
	for _, c := range []struct {
		in   string
		want IPVersion
		err  string
	}{
		{`4`, 4, ""}, {`6`, 6, ""}, {`5`, 5, ""}, {`-4`, -4, ""},
		{`0`, 0, `supported values: "4", "6"`}, {`"x"`, 0, `supported values: "4", "6"`},
	} {
		var got IPVersion
		err := json.Unmarshal([]byte(c.in), &got)
		check(t, c.in, got, c.want, err, c.err)
	}
}

// A rule comes back from JSON as it went in, with numbers as numbers.
func TestRuleJSON(t *testing.T) {
	in := `{"action":"Allow","ipVersion":4,"protocol":"TCP","notProtocol":17,"source":{"ports":[80,"1:2","http"]}}`
	var r Rule
	if err := json.Unmarshal([]byte(in), &r); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(r)
	if err != nil || string(out) != in {
		t.Errorf("%s, %v, want %s", out, err, in)
	}
}

func check[T comparable](t *testing.T, in string, got, want T, err error, wantErr string) {
	t.Helper()
	switch {
	case wantErr == "" && err != nil:
		t.Errorf("%s: %v", in, err)
	case wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)):
		t.Errorf("%s: error %v, want %q", in, err, wantErr)
	case wantErr == "" && got != want:
		t.Errorf("%s = %v, want %v", in, got, want)
	}
}
