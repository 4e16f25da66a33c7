package main

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/model"
)

// sshSession is the connection that a command was typed over.
type sshSession struct {
	client, server netip.AddrPort
	// iface is the interface that has the server's address, "" when none has.
	iface string
}

// findSSHSession reads SSH_CONNECTION ("client-address client-port server-address server-port", sshd(8)). sudo removes
// it from the environment, so the processes above this one are asked too.
func findSSHSession(getenv func(string) string) (sshSession, bool) {
	s, ok := parseSSHConnection(getenv("SSH_CONNECTION"))
	for pid := os.Getppid(); !ok && pid > 1; pid = parentOf(pid) {
		s, ok = parseSSHConnection(sshConnectionOf(pid))
	}
	if ok {
		s.iface = interfaceOf(s.server.Addr())
	}
	return s, ok
}

func parseSSHConnection(v string) (sshSession, bool) {
	f := strings.Fields(v)
	if len(f) != 4 {
		return sshSession{}, false
	}
	parse := func(addr, port string) netip.AddrPort {
		a, err := netip.ParseAddr(addr)
		n, errPort := strconv.ParseUint(port, 10, 16)
		if err != nil || errPort != nil {
			return netip.AddrPort{}
		}
		return netip.AddrPortFrom(a.Unmap().WithZone(""), uint16(n))
	}
	s := sshSession{client: parse(f[0], f[1]), server: parse(f[2], f[3])}
	return s, s.client.IsValid() && s.server.IsValid()
}

// sshConnectionOf reads another process's environment; "" when that is not allowed or not there.
func sshConnectionOf(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return ""
	}
	for _, v := range bytes.Split(b, []byte{0}) {
		if v, ok := bytes.CutPrefix(v, []byte("SSH_CONNECTION=")); ok {
			return string(v)
		}
	}
	return ""
}

// parentOf is 0 at the end. The fourth field of stat is the parent; the second, in parentheses, may hold anything
// (proc_pid_stat(5)).
func parentOf(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 2 {
		return 0
	}
	parent, err := strconv.Atoi(f[1])
	if err != nil {
		return 0
	}
	return parent
}

func interfaceOf(addr netip.Addr) string {
	ifaces, err := net.Interfaces()
	if err != nil {
		return ""
	}
	for _, i := range ifaces {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap().WithZone("") == addr {
				return i.Name
			}
		}
	}
	return ""
}

// warn says whether the program would refuse the session if it were opened now; "" when it would not.
func (s sshSession) warn(p *ir.Program) string {
	if s.failsafe(p.Options.FailsafeIn) {
		return ""
	}
	ep := hostEndpoint(p, s.iface)
	if ep == nil {
		return ""
	}
	probe := model.Probe{Endpoint: ep.Key, Direction: model.Ingress, Packet: model.Packet{
		Src: s.client.Addr(), Dst: s.server.Addr(), Protocol: model.ProtoTCP, SrcPort: s.client.Port(), DstPort: s.server.Port(),
	}}
	evaluator := eval.NewEvaluator(p)
	for _, layer := range []model.Layer{model.LayerUntracked, model.LayerPreDNAT, model.LayerNormal} {
		probe.Layer = layer
		v, err := evaluator.Evaluate(probe)
		if err != nil || v.Decision == model.DecisionAllow {
			return ""
		}
		if v.Decision == model.DecisionDeny {
			return s.describe(ep, v)
		}
	}
	return ""
}

// keepSSHSession names the session that the daemon was started from, if any, for the parts that end connections.
func keepSSHSession(getenv func(string) string) func(protocol uint8, a, b netip.AddrPort) bool {
	s, ok := findSSHSession(getenv)
	return func(protocol uint8, a, b netip.AddrPort) bool {
		return ok && protocol == model.ProtoTCP && (a == s.client && b == s.server || a == s.server && b == s.client)
	}
}

func (s sshSession) describe(ep *ir.Endpoint, v model.Verdict) string {
	by := v.DecidedBy
	if o := v.Origin.String(); o != "" {
		by += " (" + o + ")"
	}
	return fmt.Sprintf("your SSH session %s > %s is denied at %s by %s: it goes on while it is open, but you could not connect again",
		s.client, s.server, ep.Key, by)
}

func (s sshSession) failsafe(ports []ir.Failsafe) bool {
	for _, f := range ports {
		if f.Protocol == model.ProtoTCP && f.Port == s.server.Port() && (f.Net == netip.Prefix{} || f.Net.Contains(s.client.Addr())) {
			return true
		}
	}
	return false
}

// hostEndpoint is the endpoint that guards an interface: its own, else the one for all others.
func hostEndpoint(p *ir.Program, iface string) *ir.Endpoint {
	var rest *ir.Endpoint
	for _, ep := range p.Endpoints {
		switch {
		case ep.Workload:
		case ep.Interface == iface && iface != "":
			return ep
		case ep.Interface == "*":
			rest = ep
		}
	}
	return rest
}
