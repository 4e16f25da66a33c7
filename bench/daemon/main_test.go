package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rampart/bench/lab"
	"rampart/engine/api"
	"rampart/model"
)

// binary is the rampart that the tests run, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rampart-e2e-")
	if err != nil {
		panic(err)
	}
	if lab.Require() == nil {
		binary = filepath.Join(dir, "rampart")
		if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "rampart/cmd/rampart").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build rampart: %v\n%s", err, out)
			os.Exit(1)
		}
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

const node = "n1"

// endpoints are the workloads of the lab; their profile allows what no policy speaks of.
const endpoints = `
workload_endpoint "n1-k8s-db-eth0" {
  namespace      = "prod"
  labels         = { role = "database" }
  node           = "n1"
  orchestrator   = "k8s"
  pod            = "db"
  endpoint       = "eth0"
  interface_name = "calidb"
  ip_networks    = ["10.65.0.2/32", "fd65::2/128"]
  profiles       = ["projectcalico-default-allow"]
}
workload_endpoint "n1-k8s-web-eth0" {
  namespace      = "prod"
  labels         = { role = "frontend" }
  node           = "n1"
  orchestrator   = "k8s"
  pod            = "web"
  endpoint       = "eth0"
  interface_name = "caliweb"
  ip_networks    = ["10.65.0.3/32", "fd65::3/128"]
  profiles       = ["projectcalico-default-allow"]
}
`

// database is a policy that opens TCP ports of the database.
func database(ports string) string {
	return fmt.Sprintf(`
network_policy "database" {
  namespace = "prod"
  selector  = "role == 'database'"
  types     = ["Ingress"]
  ingress {
    action   = "Allow"
    protocol = "TCP"
    destination { ports = [%s] }
  }
}
`, ports)
}

// host is a host endpoint for the client's interface with a policy of the given rules.
func host(rules string) string {
	return fmt.Sprintf(`
host_endpoint "eth0" {
  labels         = { side = "host" }
  node           = "n1"
  interface_name = "eth0"
}
global_network_policy "host" {
  selector = "side == 'host'"
  types    = ["Ingress", "Egress"]
  %s
}
`, rules)
}

// bench is a lab with the daemon's directory and policy file, ready to start the daemon.
type bench struct {
	*testing.T
	ctx    context.Context
	top    *lab.Topology
	prober *lab.Prober
	config Config
	policy string
}

func newBench(t *testing.T, policy string) *bench {
	t.Helper()
	top, prober := lab.UsualForTest(t)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	dir := t.TempDir()
	b := &bench{T: t, ctx: ctx, top: top, prober: prober, policy: filepath.Join(dir, "policy", "policy.hcl")}
	if err := os.Mkdir(filepath.Dir(b.policy), 0o755); err != nil {
		t.Fatal(err)
	}
	b.config = Config{Binary: binary, Namespace: top.Firewall, Dir: dir, Policy: []string{filepath.Dir(b.policy)}, Node: node}
	b.write(policy)
	return b
}

// write replaces the policy file in one step, as editors and configuration management do.
func (b *bench) write(policy string) {
	b.Helper()
	tmp := filepath.Join(b.config.Dir, "policy.new")
	if err := os.WriteFile(tmp, []byte(endpoints+policy), 0o644); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(tmp, b.policy); err != nil {
		b.Fatal(err)
	}
}

// launch starts the daemon without waiting.
func (b *bench) launch() *Daemon {
	b.Helper()
	d, err := Start(b.config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = d.Kill()
		if b.Failed() {
			b.Logf("log of the daemon:\n%s", d.Log())
		}
	})
	return d
}

// start starts the daemon and waits until its policy is in force.
func (b *bench) start() *Daemon {
	b.Helper()
	d := b.launch()
	if err := d.Ready(b.ctx); err != nil {
		b.Fatal(err)
	}
	return d
}

// until waits for something to become true of the daemon's status.
func (b *bench) until(d *Daemon, what string, ok func(*api.Status) bool) *api.Status {
	b.Helper()
	for {
		s, err := d.Status(b.ctx)
		if err == nil && ok(s) {
			return s
		}
		select {
		case <-b.ctx.Done():
			b.Fatalf("waiting until %s: last status %+v, error %v", what, s, err)
		case <-d.process.Done():
			b.Fatalf("waiting until %s: the daemon ended", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// generation is the number of the program in force.
func (b *bench) generation(d *Daemon) uint64 {
	b.Helper()
	s, err := d.Status(b.ctx)
	if err != nil {
		b.Fatal(err)
	}
	if s.Program == nil {
		return 0
	}
	return s.Program.Generation
}

// after waits until a program newer than the given generation is in force.
func (b *bench) after(d *Daemon, generation uint64) {
	b.Helper()
	b.until(d, fmt.Sprintf("a program after %d is in force", generation), func(s *api.Status) bool {
		return s.Program != nil && s.Program.Generation > generation
	})
}

// nft runs the nft command in the firewall's namespace.
func (b *bench) nft(stdin string, args ...string) string {
	b.Helper()
	out, err := b.top.Firewall.Run(b.ctx, stdin, "nft", args...)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// tables lists the tables of the firewall's namespace.
func (b *bench) tables() []string {
	b.Helper()
	return strings.Split(strings.TrimSpace(b.nft("", "list", "tables")), "\n")
}

// syn is the first packet of a TCP connection from a peer to a port of the database, or of the host.
func (b *bench) syn(from, to string, family int, port uint16) lab.Probe {
	src, dst := b.top.Addr(family), b.top.Addr(family)
	if from != lab.FirewallName {
		src = b.top.Peer(from).Addr(family)
	}
	if to != lab.FirewallName {
		dst = b.top.Peer(to).Addr(family)
	}
	return lab.Probe{From: from, Packet: model.Packet{Src: src, Dst: dst, Protocol: model.ProtoTCP, SrcPort: 40000, DstPort: port}}
}

// reach checks which ports of a place a peer reaches, in both families.
func (b *bench) reach(from, to string, want map[uint16]bool) {
	b.Helper()
	for _, family := range []int{4, 6} {
		for port, ok := range want {
			at, err := b.prober.Send(b.syn(from, to, family, port))
			if err != nil {
				b.Fatal(err)
			}
			if (at[0] == to) != ok {
				b.Errorf("IPv%d %s to port %d of %s: arrived at %q, allowed %v", family, from, port, to, at[0], ok)
			}
		}
	}
}

// within is a context for what must take long to be wrong: waiting in vain.
func (b *bench) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(b.ctx, d)
	b.Cleanup(cancel)
	return ctx
}

// echo starts an echo server at a peer's first address of the family.
func (b *bench) echo(at *lab.Namespace, addr netip.Addr, port uint16) netip.AddrPort {
	b.Helper()
	s, err := lab.EchoTCP(at, netip.AddrPortFrom(addr, port))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s.Addr
}
