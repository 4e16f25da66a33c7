package model

import "testing"

// FuzzPort: a port that parses is printed so that it parses to the same port again.
func FuzzPort(f *testing.F) {
	for _, s := range []string{"80", "0", "65535", "65536", "1:2", "2:1", "http", "a:b", "-1", "", "080", "1:02"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePort(s)
		if err != nil {
			return
		}
		if again, err := ParsePort(p.String()); err != nil || again != p {
			t.Errorf("%q is %+v, printed %q, which is %+v, %v", s, p, p.String(), again, err)
		}
	})
}

// FuzzNet: a prefix that parses is printed so that it parses to the same prefix again.
func FuzzNet(f *testing.F) {
	for _, s := range []string{"10.0.0.1", "10.0.0.0/8", "::", "2001:db8::/32", "fe80::1%eth0", "::ffff:1.2.3.4", "0:0::/0", "x", "010.0.0.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseNet(s)
		if err != nil {
			return
		}
		if again, err := ParseNet(n.String()); err != nil || again != n {
			t.Errorf("%q is %v, which is %v, %v", s, n, again, err)
		}
	})
}
