package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"rampart/xdp"
	"rampart/xdp/bpf"
	"rampart/xdp/xsk"
)

// fastPathStatus is a fast path that only has a status.
type fastPathStatus struct {
	interfaces []xdp.Interface
	err        error
}

func (f fastPathStatus) Status() ([]xdp.Interface, error) { return f.interfaces, f.err }

func TestFastPathMetrics(t *testing.T) {
	events := bpf.Events{bpf.CachedDeny: 7, bpf.Redirected: 30}
	m := fastPathMetrics{fastPathStatus{interfaces: []xdp.Interface{
		{Name: "eth0", Mode: bpf.Native, InUse: true, Queues: 2, Events: events, Judged: 30, Denied: 20, Lost: 1,
			Sockets: []xsk.Statistics{{RxDropped: 3}, {RxDropped: 4}}},
		{Name: "eth1", Reasons: []string{"there is no host endpoint on it"}},
	}}}
	served := gather(t, m)
	for _, want := range []string{
		`attached{interface="eth0",mode="native"} 1`, `attached{interface="eth1",mode=""} 0`, `in_use{interface="eth0"} 1`, `in_use{interface="eth1"} 0`,
		`queues{interface="eth0"} 2`, `queues{interface="eth1"} 0`,
		`packets_total{interface="eth0",event="cached-deny"} 7`, `packets_total{interface="eth0",event="redirected"} 30`,
		`packets_total{interface="eth0",event="established"} 0`, `packets_total{interface="eth1",event="cached-deny"} 0`,
		`judged_total{interface="eth0",verdict="denied"} 20`, `judged_total{interface="eth0",verdict="returned"} 9`,
		`judged_total{interface="eth0",verdict="lost"} 1`, `socket_drops_total{interface="eth0"} 7`, `socket_drops_total{interface="eth1"} 0`,
	} {
		if !served["rampart_fast_path_"+want] {
			t.Errorf("%s is not served, but %v", want, served)
		}
	}
	// The page names every series, every event, and no other.
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, n := range regexp.MustCompile("`(rampart_fast_path_[a-z_]+)`").FindAllStringSubmatch(string(page), -1) {
		named[n[1]] = false
	}
	for line := range served {
		name, labels, _ := strings.Cut(line, "{")
		if _, ok := named[name]; !ok {
			t.Errorf("docs/metrics.md lacks %s", name)
		}
		named[name] = true
		if event := regexp.MustCompile(`event="(.*?)"`).FindStringSubmatch(labels); event != nil && !strings.Contains(string(page), "`"+event[1]+"`") {
			t.Errorf("docs/metrics.md lacks the event %s", event[1])
		}
	}
	for name, ok := range named {
		if !ok {
			t.Errorf("docs/metrics.md names %s, which is not served", name)
		}
	}
}

// gather collects series as lines: name, labels, value.
func gather(t *testing.T, c prometheus.Collector) map[string]bool {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, f := range families {
		for _, m := range f.Metric {
			labels := map[string]string{}
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			line := f.GetName() + `{interface="` + labels["interface"] + `"`
			for _, k := range []string{"event", "verdict", "mode"} {
				if v, ok := labels[k]; ok {
					line += `,` + k + `="` + v + `"`
				}
			}
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue()
			out[fmt.Sprintf("%s} %v", line, value)] = true
		}
	}
	return out
}

// A status that cannot be read fails the scrape instead of looking like nothing to tell.
func TestFastPathMetricsFail(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(fastPathMetrics{fastPathStatus{err: errors.New("map is gone")}})
	if _, err := registry.Gather(); err == nil || !strings.Contains(err.Error(), "map is gone") {
		t.Errorf("error is %v", err)
	}
}
