package engine

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/engine/compile"
	"rampart/model"
)

// hostEndpoint is an endpoint of the node n1, defined in line n of its file.
func hostEndpoint(name, iface string, line int, profiles ...string) *model.HostEndpoint {
	ep := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	ep.Metadata.Name = name
	ep.Spec = model.HostEndpointSpec{Node: "n1", InterfaceName: iface, Profiles: profiles}
	ep.Origin = model.Origin{File: "hosts.yaml", Line: line}
	return ep
}

func (r *rig) wantWarnings(want ...string) {
	r.t.Helper()
	r.settle()
	if diff := cmp.Diff(want, r.Status(false).Warnings); diff != "" {
		r.t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// Endpoints that are in force on no interface are told with the reason, as long as it lasts.
func TestEndpointsInForceNowhere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		links := &fakeLinks{}
		r := newRig(t).good()
		a := &model.Bundle{Source: "a", Revision: "1"}
		first, second, third := hostEndpoint("a", "eth0", 1), hostEndpoint("b", "eth0", 2), hostEndpoint("c", "", 3)
		third.Spec.ExpectedIPs = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
		a.Resources = []model.Resource{first, second, third}
		r.a.set(a)
		r.start(func(c *Config) { c.Links = links })
		taken := "HostEndpoint/b (hosts.yaml:2) is in force on no interface: interface eth0 belongs to HostEndpoint/a (hosts.yaml:1)"
		absent := "HostEndpoint/c (hosts.yaml:3) is in force on no interface: no free interface of this host has one of its addresses, " +
			"192.0.2.1, 2001:db8::1"
		r.wantWarnings(taken, absent)
		links.set(nil, compile.Interface{Name: "eth1", Addrs: []netip.Addr{netip.MustParseAddr("2001:db8::1")}})
		r.wantWarnings(taken)
		for w, times := range map[string]int{taken: 1, absent: 1} { // a warning that stays is logged once
			if n := strings.Count(r.log.String(), w); n != times {
				t.Errorf("logged %d times: %s\n%s", n, w, r.log.String())
			}
		}
	})
}

// A profile that does not exist denies; the status says where, until there is one.
func TestMissingProfile(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good()
		a := &model.Bundle{Source: "a", Revision: "1"}
		a.Resources = []model.Resource{hostEndpoint("a", "eth0", 1, "web", "base"), hostEndpoint("b", "eth1", 2, "web"), hostEndpoint("c", "eth2", 3)}
		r.a.set(a)
		r.start()
		base := `profile "base" does not exist, so what no policy decides is denied at HostEndpoint/a (hosts.yaml:1)`
		r.wantWarnings(base, `profile "web" does not exist, so what no policy decides is denied at HostEndpoint/a (hosts.yaml:1) and 1 more`)
		web := model.New(model.KindProfile).(*model.Profile)
		web.Metadata.Name = "web"
		r.a.set(&model.Bundle{Source: "a", Revision: "2", Resources: append(a.Resources[:3:3], web)})
		r.wantWarnings(base)
		if !strings.Contains(r.log.String(), "level=WARN msg=\"profile \\\"web\\\" does not exist") {
			t.Errorf("log:\n%s", r.log.String())
		}
	})
}

// Thousands of warnings of one sort help nobody.
func TestFewWarnings(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good()
		a := &model.Bundle{Source: "a", Revision: "1"}
		for n := range 1000 {
			a.Resources = append(a.Resources, hostEndpoint(fmt.Sprintf("h%03d", n), "eth0", n+1, fmt.Sprintf("p%03d", n)))
		}
		r.a.set(a)
		r.start()
		r.settle()
		w := r.Status(false).Warnings
		if len(w) != 2*(maxWarnings+1) || w[maxWarnings] != "994 more endpoints are in force on no interface" || w[2*maxWarnings+1] != "995 more profiles do not exist" {
			t.Errorf("%d warnings: %s", len(w), strings.Join(w, "\n"))
		}
	})
}
