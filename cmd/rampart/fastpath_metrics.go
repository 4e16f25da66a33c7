package main

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"rampart/xdp"
	"rampart/xdp/bpf"
)

// fastPathMetrics are the fast path's figures for Prometheus, read when they are asked for.
type fastPathMetrics struct {
	path interface {
		Status() ([]xdp.Interface, error)
	}
}

var (
	descFastAttached = fastPathDesc("attached", "1 while the fast path is on an interface that it is wanted on, else 0.", "interface", "mode")
	descFastInUse    = fastPathDesc("in_use", "1 while packets without a verdict go to user space, else 0.", "interface")
	descFastQueues   = fastPathDesc("queues", "Receive queues that have a worker.", "interface")
	descFastPackets  = fastPathDesc("packets_total", "What the XDP program did with packets.", "interface", "event")
	descFastJudged   = fastPathDesc("judged_total", "Packets that workers judged.", "interface", "verdict")
	descFastDrops    = fastPathDesc("socket_drops_total", "Packets on their way to a worker that its socket had no room for.", "interface")
)

func fastPathDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("rampart_fast_path_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector: which interfaces there are changes.
func (m fastPathMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m fastPathMetrics) Collect(out chan<- prometheus.Metric) {
	status, err := m.path.Status()
	if err != nil {
		out <- prometheus.NewInvalidMetric(descFastAttached, err)
		return
	}
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		labels[0] = strings.ToValidUTF8(labels[0], "\ufffd") // an interface's name may be anything
		out <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	for _, i := range status {
		send(descFastAttached, prometheus.GaugeValue, number(i.Mode != ""), i.Name, string(i.Mode))
		send(descFastInUse, prometheus.GaugeValue, number(i.InUse), i.Name)
		send(descFastQueues, prometheus.GaugeValue, float64(i.Queues), i.Name)
		for e, n := range i.Events {
			send(descFastPackets, prometheus.CounterValue, float64(n), i.Name, bpf.Event(e).String())
		}
		send(descFastJudged, prometheus.CounterValue, float64(i.Denied), i.Name, "denied")
		send(descFastJudged, prometheus.CounterValue, float64(i.Judged-i.Denied-i.Lost), i.Name, "returned")
		send(descFastJudged, prometheus.CounterValue, float64(i.Lost), i.Name, "lost")
		var drops uint64
		for _, s := range i.Sockets {
			drops += s.RxDropped
		}
		send(descFastDrops, prometheus.CounterValue, float64(drops), i.Name)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
