package lab

// TB is the part of testing.TB that ForTest needs.
type TB interface {
	Helper()
	Skip(args ...any)
	Fatal(args ...any)
	Error(args ...any)
	Cleanup(func())
}

// ForTest starts a lab that ends with the test. It skips the test where labs cannot be built.
func ForTest(t TB) *Lab {
	t.Helper()
	if err := Require(); err != nil {
		t.Skip(err)
	}
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// UsualForTest builds the usual topology, and a prober for it, in a lab that ends with the test.
func UsualForTest(t TB) (*Topology, *Prober) {
	t.Helper()
	top, err := Build(ForTest(t), Usual())
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewProber(top)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return top, p
}
