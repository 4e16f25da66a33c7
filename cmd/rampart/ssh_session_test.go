package main

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rampart/conf"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// guarded compiles policies for a host whose endpoint is on all interfaces, or on those given.
func guarded(t *testing.T, options ir.Options, hcl string, interfaces ...string) *ir.Program {
	t.Helper()
	if len(interfaces) == 0 {
		interfaces = []string{"*"}
	}
	for _, name := range interfaces {
		label := strings.Trim(name, "*") + "guarded"
		hcl += "\nhost_endpoint \"" + label + "\" {\n  node = \"n1\"\n  interface_name = \"" + name + "\"\n  labels = { role = \"" + label + "\" }\n}\n"
	}
	source := conf.FilesWith(conf.FileOptions{Stdin: strings.NewReader(hcl)}, "-")
	bundle, diags := source.Load(context.Background())
	if bundle == nil {
		t.Fatal(diags)
	}
	return compile.Compile(store.ViewOf(bundle.Resources...), compile.Host{Node: "n1"}, options)
}

func TestSSHSessionWarning(t *testing.T) {
	const (
		nothing = `global_network_policy "closed" { selector = "all()" }`
		ssh     = `global_network_policy "open" {
  ingress {
    action = "Allow"
    protocol = "TCP"
    destination { ports = [22] }
  }
}`
		denyPeer = `global_network_policy "no-peer" {
  ingress {
    action = "Deny"
    source { nets = ["10.0.0.0/8"] }
  }
  ingress { action = "Allow" }
}`
		early = `global_network_policy "early" {
  order = 1
  pre_dnat = true
  apply_on_forward = true
  ingress {
    action = "Deny"
    protocol = "TCP"
  }
}` + "\n" + ssh
		raw = `global_network_policy "raw" {
  do_not_track = true
  apply_on_forward = true
  ingress {
    action = "Allow"
    protocol = "TCP"
  }
}` + "\n" + nothing
	)
	failsafe := ir.Options{FailsafeIn: []ir.Failsafe{{Protocol: model.ProtoTCP, Port: 22}}}
	failsafeNear := ir.Options{FailsafeIn: []ir.Failsafe{{Protocol: model.ProtoTCP, Port: 22, Net: netip.MustParsePrefix("10.0.0.0/8")}}}
	failsafeFar := ir.Options{FailsafeIn: []ir.Failsafe{{Protocol: model.ProtoTCP, Port: 22, Net: netip.MustParsePrefix("192.168.0.0/16")}}}
	for _, tt := range []struct {
		name    string
		program *ir.Program
		want    string
	}{
		{"denied by default", guarded(t, ir.Options{}, nothing), "HostEndpoint/guarded by tier-default:default"},
		{"failsafe port", guarded(t, failsafe, nothing), ""},
		{"failsafe port for this peer", guarded(t, failsafeNear, nothing), ""},
		{"failsafe port for others", guarded(t, failsafeFar, nothing), "tier-default:default"},
		{"allowed", guarded(t, ir.Options{}, ssh), ""},
		{"denied by a rule", guarded(t, ir.Options{}, denyPeer), "default/GlobalNetworkPolicy:no-peer[0] (<stdin>:2)"},
		{"denied before DNAT", guarded(t, ir.Options{}, early), "default/GlobalNetworkPolicy:early[0] (<stdin>:5)"},
		{"allowed untracked", guarded(t, ir.Options{}, raw, "eth0"), ""},
		{"another interface", guarded(t, ir.Options{}, nothing, "eth1"), ""},
		{"this interface", guarded(t, ir.Options{}, nothing, "eth1", "eth0"), "HostEndpoint/eth0guarded"},
		{"this interface before all others", guarded(t, ir.Options{}, nothing, "*", "eth0"), "HostEndpoint/eth0guarded"},
		{"no endpoint", compile.Compile(store.ViewOf(), compile.Host{Node: "n1"}, ir.Options{}), ""},
	} {
		s, ok := parseSSHConnection("10.0.0.1 50000 10.0.0.2 22")
		if !ok {
			t.Fatal("not parsed")
		}
		s.iface = "eth0"
		got := s.warn(tt.program)
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if got != "" && !strings.HasPrefix(got, "your SSH session 10.0.0.1:50000 > 10.0.0.2:22 is denied at ") {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

func TestParseSSHConnection(t *testing.T) {
	for v, want := range map[string]string{
		"10.0.0.1 50000 10.0.0.2 22":               "10.0.0.1:50000 > 10.0.0.2:22",
		"fe80::1%eth0 50000 fe80::2%eth0 22":       "[fe80::1]:50000 > [fe80::2]:22",
		"::ffff:10.0.0.1 50000 ::ffff:10.0.0.2 22": "10.0.0.1:50000 > 10.0.0.2:22",
		"":                             "",
		"UNKNOWN 65535 UNKNOWN 65535":  "",
		"10.0.0.1 50000 10.0.0.2":      "",
		"10.0.0.1 65536 10.0.0.2 22":   "",
		"10.0.0.1 50000 10.0.0.2 22 x": "",
	} {
		s, ok := parseSSHConnection(v)
		got := ""
		if ok {
			got = s.client.String() + " > " + s.server.String()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", v, got, want)
		}
	}
}

// TestSSHSessionOfAParent finds the session of a process further up, as with sudo, which cleans the environment.
func TestSSHSessionOfAParent(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	cmd.Env = []string{"HOME=/", "SSH_CONNECTION=127.0.0.1 50000 127.0.0.1 22"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	// Start returns when the old program's files are closed, a moment before the new one's environment is in place.
	for deadline := time.Now().Add(10 * time.Second); sshConnectionOf(cmd.Process.Pid) == "" && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if got := sshConnectionOf(cmd.Process.Pid); got != "127.0.0.1 50000 127.0.0.1 22" {
		t.Errorf("environment of the process: %q", got)
	}
	if got := parentOf(cmd.Process.Pid); got != os.Getpid() {
		t.Errorf("parent %d, want %d", got, os.Getpid())
	}
	if got := parentOf(1); got != 0 {
		t.Errorf("parent of process 1 is %d", got)
	}
	own := func(string) string { return "127.0.0.1 50000 127.0.0.1 22" }
	if s, ok := findSSHSession(own); !ok || s.server.Port() != 22 {
		t.Errorf("session %+v, %v", s, ok)
	}
}
