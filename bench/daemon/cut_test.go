package daemon

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"rampart/bench/lab"
	"rampart/engine/api"
)

const revalidate = "conntrack_revalidate = true\n"

// looked waits until open connections have been held against the program in force, and says what came of it.
func (b *bench) looked(d *Daemon) *api.Connections {
	b.Helper()
	return b.until(d, "open connections have been looked at", func(s *api.Status) bool {
		return s.Program != nil && s.Connections != nil && s.Connections.Generation == s.Program.Generation && s.Connections.Error == ""
	}).Connections
}

// change writes another policy and waits for it to be in force and, if the daemon does so, for open connections to be
// looked at.
func (b *bench) change(d *Daemon, policy string) {
	b.Helper()
	before := b.generation(d)
	b.write(policy)
	b.after(d, before)
	if b.config.Settings != "" {
		b.looked(d)
	}
}

// silent expects that nothing comes through a connection.
func (b *bench) silent(c net.Conn, what string) {
	b.Helper()
	if err := c.SetReadDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
		b.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 64)); !errors.Is(err, os.ErrDeadlineExceeded) {
		b.Errorf("%s: read %d octets, %v; want nothing", what, n, err)
	}
}

// An open connection that a change of policy denies is cut: nothing passes in either direction, and it cannot come back by
// what the other end sends, although that end's policy allows it everything. A policy that allows it again lets it go on.
func TestOpenConnectionIsCut(t *testing.T) {
	for _, family := range []int{4, 6} {
		t.Run(fmt.Sprintf("IPv%d", family), func(t *testing.T) {
			b := newBench(t, database("1, 3"))
			b.config.Settings = revalidate
			d := b.start()
			db, web := b.top.Peer("db"), b.top.Peer("web")
			client, server := b.pair(web, db, family, 1)
			b.talks(client, server)
			other, otherServer := b.pair(web, db, family, 3)

			b.change(d, database("3"))
			if c := b.looked(d); c.Cut != 1 || c.LastCut != 1 || c.Restored != 0 {
				t.Errorf("after the change: %+v", c)
			}
			b.send(server, "from the server")
			b.silent(client, "the client's end of the cut connection")
			b.send(client, "from the client")
			b.silent(server, "the server's end of the cut connection")
			b.talks(other, otherServer)

			b.change(d, database("1, 3"))
			if c := b.looked(d); c.Cut != 1 || c.Restored != 1 {
				t.Errorf("after the change back: %+v", c)
			}
			b.receives(client, "from the server") // sent again by TCP
			b.receives(server, "from the client")
			b.talks(client, server)
			if !strings.Contains(d.Log(), "denied by tier-default:default") {
				t.Errorf("the log does not say why connections were cut:\n%s", d.Log())
			}
		})
	}
}

// Without the setting, what is open stays open.
func TestOpenConnectionStays(t *testing.T) {
	b := newBench(t, database("1"))
	d := b.start()
	client, server := b.pair(b.top.Peer("web"), b.top.Peer("db"), 4, 1)
	b.change(d, database("2"))
	b.talks(client, server)
}

// Connections of the host itself are cut as those of workloads, and with deny_action = "Reject" both ends learn of it.
func TestHostConnectionIsCut(t *testing.T) {
	open := host("ingress { action = \"Allow\" }\n  egress { action = \"Allow\" }")
	b := newBench(t, open)
	b.config.Settings = revalidate + "deny_action = \"Reject\"\n"
	d := b.start()
	outside := b.top.Peer("client")
	in, inServer := b.pair(outside, nil, 4, 80)
	out, outServer := b.pair(nil, outside, 4, 80)
	failsafe, failsafeServer := b.pair(outside, nil, 4, 22)
	b.change(d, host("ingress { action = \"Deny\" }\n  egress { action = \"Allow\" }"))
	if c := b.looked(d); c.LastCut != 1 {
		t.Errorf("after denying ingress: %+v", c)
	}
	b.send(in, "hello")
	if _, err := in.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the cut connection's client reads %v, want a reset", err)
	}
	_ = inServer.Close()
	b.talks(out, outServer)
	b.change(d, host("ingress { action = \"Deny\" }\n  egress { action = \"Deny\" }"))
	if c := b.looked(d); c.LastCut != 1 {
		t.Errorf("after denying egress: %+v", c)
	}
	b.send(outServer, "hello")
	b.silent(out, "the host's end of the cut connection")
	b.talks(failsafe, failsafeServer)
}

// A change of labels alone, which changes no rule, cuts too.
func TestLabelChangeCuts(t *testing.T) {
	policy := func(role string) string {
		return fmt.Sprintf(`
network_set "guests" {
  namespace = "prod"
  labels    = { role = %q }
  nets      = ["10.65.0.3/32"]
}
network_policy "database" {
  namespace = "prod"
  selector  = "role == 'database'"
  types     = ["Ingress"]
  ingress {
    action   = "Allow"
    protocol = "TCP"
    source { selector = "role == 'guest'" }
  }
}
`, role)
	}
	b := newBench(t, policy("guest"))
	b.config.Settings = revalidate
	d := b.start()
	client, server := b.pair(b.top.Peer("web"), b.top.Peer("db"), 4, 1)
	b.change(d, policy("stranger"))
	if c := b.looked(d); c.Cut != 1 {
		t.Errorf("after the change: %+v", c)
	}
	b.send(server, "hello")
	b.silent(client, "the cut connection")
}

// A connection that a daemon has cut stays cut when the next daemon takes over.
func TestCutOutlivesTheDaemon(t *testing.T) {
	b := newBench(t, database("1"))
	b.config.Settings = revalidate
	d := b.start()
	client, server := b.pair(b.top.Peer("web"), b.top.Peer("db"), 4, 1)
	b.change(d, database("2"))
	if err := d.Kill(); err != nil {
		t.Fatal(err)
	}
	d = b.start()
	b.looked(d)
	b.send(server, "hello")
	b.silent(client, "the cut connection")
	b.change(d, database("1"))
	b.receives(client, "hello")
}

// pair opens a TCP connection between two peers, nil being the firewall itself, and returns both ends.
func (b *bench) pair(from, to *lab.Peer, family int, port uint16) (client, server net.Conn) {
	b.Helper()
	fromNS, toNS, addr := b.top.Firewall, b.top.Firewall, b.top.Addr(family)
	if from != nil {
		fromNS = from.Namespace
	}
	if to != nil {
		toNS, addr = to.Namespace, to.Addr(family)
	}
	at := netip.AddrPortFrom(addr, port)
	var listener net.Listener
	err := toNS.Do(func() (err error) {
		listener, err = net.Listen("tcp", at.String())
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	if client, err = fromNS.Dial(b.within(5*time.Second), "tcp", netip.AddrPort{}, at); err != nil {
		b.Fatalf("%s: %v", at, err)
	}
	b.Cleanup(func() { client.Close() })
	if server, err = listener.Accept(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { server.Close() })
	return client, server
}

func (b *bench) send(c net.Conn, text string) {
	b.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) receives(c net.Conn, text string) {
	b.Helper()
	deadline, _ := b.within(20 * time.Second).Deadline()
	if err := c.SetReadDeadline(deadline); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, len(text))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != text {
		b.Fatalf("received %q, %v; want %q", buf, err, text)
	}
}

// talks sends something each way.
func (b *bench) talks(client, server net.Conn) {
	b.Helper()
	b.send(client, "ping")
	b.receives(server, "ping")
	b.send(server, "pong")
	b.receives(client, "pong")
}
