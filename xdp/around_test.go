package xdp_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"rampart/engine/ir"
	"rampart/xdp"
	"rampart/xdp/bpf"
)

// What others do on the host limits the fast path while it lasts, and no longer.
func TestSurroundingsLimitTheFastPath(t *testing.T) {
	r := newRig(t, xdp.Config{})
	r.apply(hostPolicy(allowTCP))
	fw := r.top.Firewall
	eth0, err := fw.Links().LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := nftables.New(nftables.WithNetNSFd(fw.FD()))
	if err != nil {
		t.Fatal(err)
	}
	table := &nftables.Table{Name: "other", Family: nftables.TableFamilyIPv4}
	upper := &netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{Name: "mac0", ParentIndex: eth0.Attrs().Index}, Mode: netlink.MACVLAN_MODE_BRIDGE}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
	ingress := &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: eth0.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}}
	for _, tc := range []struct {
		name     string
		on, off  func() error
		layers   []string // while it lasts
		reason   string
		detached bool
	}{
		{
			name: "destination nat",
			on: func() error {
				conn.AddTable(table)
				conn.AddChain(&nftables.Chain{Name: "pre", Table: table, Type: nftables.ChainTypeNAT, Hooknum: nftables.ChainHookPrerouting,
					Priority: nftables.ChainPriorityNATDest})
				return conn.Flush()
			},
			off:    func() error { conn.DelTable(table); return conn.Flush() },
			reason: "chain pre of table other may rewrite destinations", detached: true,
		},
		{
			name: "interface on top",
			on:   func() error { return fw.Links().LinkAdd(upper) }, off: func() error { return fw.DeleteLink("mac0") },
			reason: "interface mac0 (macvlan) is on top of it", detached: true,
		},
		{
			name: "bridge port",
			on: func() error {
				if err := fw.Links().LinkAdd(bridge); err != nil {
					return err
				}
				return fw.Links().LinkSetMaster(eth0, bridge)
			},
			off:    func() error { return fw.DeleteLink("br0") },
			reason: "it is part of another interface", detached: true,
		},
		{
			name:   "traffic control",
			on:     func() error { return fw.Links().QdiscAdd(ingress) },
			off:    func() error { return fw.Links().QdiscDel(ingress) },
			reason: "traffic control (clsact) comes first", detached: true,
		},
	} {
		if s := r.status(); !slices.Equal(s.Layers, []string{"normal"}) || s.Mode == "" {
			t.Fatalf("before %s: %v", tc.name, s)
		}
		if err := tc.on(); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		r.eventually(tc.name, func() bool {
			s := r.status()
			return strings.Contains(strings.Join(s.Reasons, "\n"), tc.reason) && (s.Mode == "") == tc.detached && slices.Equal(s.Layers, tc.layers)
		})
		if err := tc.off(); err != nil {
			t.Fatalf("end of %s: %v", tc.name, err)
		}
		r.eventually("the end of "+tc.name, func() bool { return r.status().Mode != "" })
	}
}

// Which layers take part depends on the endpoint's policies and the options.
func TestEligibility(t *testing.T) {
	r := newRig(t, xdp.Config{})
	untracked := `---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: raw}
spec: {selector: side == 'out', types: [Ingress], doNotTrack: true, applyOnForward: true, ingress: [{action: Deny, protocol: SCTP}]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: early}
spec: {selector: side == 'out', types: [Ingress], preDNAT: true, applyOnForward: true, ingress: [{action: Deny, protocol: TCP}]}
`
	for _, tc := range []struct {
		name, policy string
		options      ir.Options
		layers       []string
		reason       string
	}{
		{"normal policy", hostPolicy(allowTCP), ir.Options{}, []string{"normal"}, ""},
		{"every layer", hostPolicy(allowTCP) + untracked, ir.Options{}, []string{"untracked", "preDNAT", "normal"}, ""},
		{"answered denials", hostPolicy(allowTCP) + untracked, ir.Options{Reject: true}, []string{"untracked", "preDNAT"}, "left to nftables"},
		{"nothing but answered denials", hostPolicy(allowTCP), ir.Options{Reject: true}, nil, "no policy can be applied early"},
		{"another interface", strings.ReplaceAll(hostPolicy(allowTCP), "interfaceName: eth0", "interfaceName: eth9"), ir.Options{}, nil,
			"there is no host endpoint on it"},
		{"the endpoint of all interfaces", strings.ReplaceAll(hostPolicy(allowTCP), "interfaceName: eth0", `interfaceName: "*"`), ir.Options{},
			[]string{"normal"}, ""},
	} {
		p := compilePolicy(t, tc.policy)
		p.Options = tc.options
		r.applyFast(p)
		s := r.status()
		if !slices.Equal(s.Layers, tc.layers) || (s.Mode == "") != (len(tc.layers) == 0) || !strings.Contains(strings.Join(s.Reasons, "; "), tc.reason) {
			t.Errorf("%s: %v, want layers %v and %q", tc.name, s, tc.layers, tc.reason)
		}
	}
}

// Somebody else's XDP program stays, and the fast path comes when it is gone.
func TestForeignProgram(t *testing.T) {
	r := newRig(t, xdp.Config{})
	foreign, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "foreign", Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R0, 2), asm.Return(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	eth0, err := r.top.Firewall.Links().LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	var l link.Link
	err = r.top.Firewall.Do(func() (err error) {
		l, err = link.AttachXDP(link.XDPOptions{Program: foreign, Interface: eth0.Attrs().Index})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.apply(hostPolicy(allowTCP))
	if s := r.status(); s.Mode != "" || !strings.Contains(s.String(), "has an XDP program of another program") {
		t.Errorf("with a foreign program: %v", s)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r.eventually("attaching", func() bool { return r.status().Mode == bpf.Native })
}

// daemonEnv makes the test binary play the daemon in a network namespace, with the policy of a file.
const daemonEnv = "RAMPART_TEST_FASTPATH"

func TestDaemonProcess(t *testing.T) {
	netns, file, ok := strings.Cut(os.Getenv(daemonEnv), "\n")
	if !ok {
		t.Skip("a part of TestKilledDaemon")
	}
	fd, err := unix.Open(netns, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := xdp.New(xdp.Config{NetNS: fd, Interfaces: []string{"eth0"}, Mode: xdp.Always})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Apply(context.Background(), compilePolicy(t, string(policy))); err != nil {
		t.Fatal(err)
	}
	s, err := b.Status()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("daemon:", s[0].Mode)
	time.Sleep(time.Minute) // until killed
}

// A daemon that is killed leaves nftables in charge: what is established goes on, new connections are made, and the next
// daemon clears up.
func TestKilledDaemon(t *testing.T) {
	r := newRig(t, xdp.Config{})
	policy := hostPolicy(allowTCP)
	if _, err := r.full.Apply(context.Background(), compilePolicy(t, policy)); err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/policy.yaml"
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command(os.Args[0], "-test.run=^TestDaemonProcess$", "-test.v")
	daemon.Env = append(os.Environ(), daemonEnv+"="+r.top.Firewall.Path+"\n"+file)
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = daemon.Process.Kill(); _ = daemon.Wait() }()
	said := ""
	for buf := make([]byte, 1000); !strings.Contains(said, "daemon: native"); {
		n, err := out.Read(buf)
		if said += string(buf[:n]); err != nil {
			t.Fatalf("the daemon said %q", said)
		}
	}
	r.echoServer(7)
	before, err := r.dial(4, 7)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	exchange(t, before, 5000)
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = daemon.Wait()
	exchange(t, before, 5000)
	after, err := r.dial(4, 7)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, after, 5000)
	after.Close()
	if !r.refused(4, 8) {
		t.Error("without the daemon policy is not in force")
	}
	eth0, err := r.top.Firewall.Links().LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("the kernel to detach the program", func() bool {
		eth0, err = r.top.Firewall.Links().LinkByName("eth0")
		return err == nil && (eth0.Attrs().Xdp == nil || !eth0.Attrs().Xdp.Attached)
	})
	left := fmt.Sprintf("rmpt%dn", eth0.Attrs().Index)
	if _, err := r.top.Firewall.Links().LinkByName(left); err != nil {
		t.Fatalf("the private interfaces: %v; nothing to clear up", err)
	}
	next, err := xdp.New(xdp.Config{NetNS: r.top.Firewall.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if _, err := r.top.Firewall.Links().LinkByName(left); err == nil {
		t.Error("the next daemon has not removed the private interfaces")
	}
}
