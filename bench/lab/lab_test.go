package lab

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func newTopology(t *testing.T) *Topology {
	t.Helper()
	top, err := Build(ForTest(t), Usual())
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// A namespace is a place of its own: a link made in it is not seen outside, and Do comes back home.
func TestNamespaceIsolation(t *testing.T) {
	before, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	top := newTopology(t)
	inside, outside := "", ""
	if err := top.Firewall.Do(func() (err error) {
		inside, err = os.Readlink("/proc/thread-self/ns/net")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if outside, err = os.Readlink("/proc/thread-self/ns/net"); err != nil {
		t.Fatal(err)
	}
	if inside == before || outside != before {
		t.Errorf("namespace before %s, inside %s, after %s", before, inside, outside)
	}
	out, err := exec.Command("ip", "-o", "link").Output()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out, []byte("calidb")) {
		t.Errorf("the firewall's interface is seen outside: %s", out)
	}
	got, err := top.Firewall.Run(context.Background(), "", "ip", "-o", "link")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"eth0@", "eth1@", "calidb@", "caliweb@", "calijob@"} {
		if !strings.Contains(got, want) {
			t.Errorf("the firewall lacks interface %s:\n%s", want, got)
		}
	}
}

// Close leaves nothing behind, and ends what still runs inside.
func TestCloseRemovesEverything(t *testing.T) {
	l := ForTest(t)
	ns, err := l.Namespace("a")
	if err != nil {
		t.Fatal(err)
	}
	p, err := ns.Start(exec.Command("sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil {
		t.Error("the process ended by itself")
	}
	if left, _ := filepath.Glob(filepath.Join(netnsDir, l.prefix+"*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	if _, err := l.Namespace("b"); err == nil {
		t.Error("a closed lab made a namespace")
	}
}

// What a crashed process left behind is removed with everything that runs in it; the living are left alone.
func TestSweep(t *testing.T) {
	l := ForTest(t)
	alive, err := l.Namespace("alive")
	if err != nil {
		t.Fatal(err)
	}
	// The same process identifier with another start time: the process of that name is gone.
	dead := &Namespace{Name: "dead", full: namePrefix + "1.12345678.1.dead"}
	dead.Path = filepath.Join(netnsDir, dead.full)
	if err := dead.create(); err != nil {
		t.Fatal(err)
	}
	defer dead.handle.Close()
	p, err := dead.Start(exec.Command("sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Sweep(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
	if _, err := os.Stat(dead.Path); !os.IsNotExist(err) {
		t.Errorf("the dead process's namespace is still there: %v", err)
	}
	if _, err := os.Stat(alive.Path); err != nil {
		t.Errorf("the living process's namespace is gone: %v", err)
	}
}

func TestAddressesBothFamilies(t *testing.T) {
	top := newTopology(t)
	for _, want := range []struct {
		got  netip.Addr
		want string
	}{
		{top.Addr(4), "10.10.0.1"}, {top.Addr(6), "fd10::1"},
		{top.Peer("db").Addr(4), "10.65.0.2"}, {top.Peer("db").Addr(6), "fd65::2"},
	} {
		if want.got.String() != want.want {
			t.Errorf("got %s, want %s", want.got, want.want)
		}
	}
	for _, family := range []int{4, 6} {
		for _, from := range top.Peers {
			for _, to := range top.Peers {
				if from != to {
					if err := Ping(context.Background(), from.Namespace, to.Addr(family)); err != nil {
						t.Errorf("%s to %s: %v", from.Name, to.Name, err)
					}
				}
			}
			if err := Ping(context.Background(), from.Namespace, top.Addr(family)); err != nil {
				t.Errorf("%s to the firewall: %v", from.Name, err)
			}
		}
	}
}
