package engine

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"rampart/engine/api"
)

// metrics are kept in a registry of their own. What the loop counts is counted here; what is a state is read from the
// snapshot when Prometheus asks, and rules' counters from the backends.
type metrics struct {
	e        *Engine
	registry *prometheus.Registry

	applySeconds  *prometheus.HistogramVec
	applyFailures *prometheus.CounterVec
	sourceErrors  *prometheus.CounterVec
	drifts        *prometheus.CounterVec
	repairs       *prometheus.CounterVec
	flows         prometheus.Counter
	counterErrors prometheus.Counter
	cuts          prometheus.Counter
	restored      prometheus.Counter
	cutErrors     prometheus.Counter
}

// scrapeTimeout is how long reading counters may hold up a scrape.
const scrapeTimeout = 5 * time.Second

func newMetrics(e *Engine) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "rampart", Name: name, Help: help}, labels)
	}
	m := &metrics{
		e: e, registry: prometheus.NewRegistry(),
		applySeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "rampart", Name: "apply_seconds", Help: "How long a backend took to put a program in force.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}, []string{"backend"}),
		applyFailures: counter("apply_failures_total", "Programs that a backend refused, each attempt counted.", "backend"),
		sourceErrors:  counter("source_errors_total", "Readings of a source that gave nothing usable.", "source"),
		drifts:        counter("drifts_total", "Foreign changes of a backend's objects that were noticed.", "backend"),
		repairs:       counter("drift_repairs_total", "Times that a program was applied again because of foreign changes.", "backend"),
		flows: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "rampart", Name: "log_packets_total", Help: "Packets that Log rules reported.",
		}),
		counterErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "rampart", Name: "counter_errors_total", Help: "Times that the counters of rules could not be read.",
		}),
		cuts:      counter("connections_cut_total", "Open connections that changes of policy ended.").WithLabelValues(),
		restored:  counter("connections_restored_total", "Connections cut before that a later policy allowed again.").WithLabelValues(),
		cutErrors: counter("connection_errors_total", "Times that open connections could not all be held against a new policy.").WithLabelValues(),
	}
	// A series that exists only after the first failure cannot be alerted on.
	for _, s := range e.config.Sources {
		m.sourceErrors.WithLabelValues(label(s.Name()))
	}
	for _, b := range e.config.Backends {
		m.applyFailures.WithLabelValues(b.Name())
		m.drifts.WithLabelValues(b.Name())
		m.repairs.WithLabelValues(b.Name())
	}
	m.registry.MustRegister(m.applySeconds, m.applyFailures, m.sourceErrors, m.drifts, m.repairs, m.flows, m.counterErrors, m.cuts,
		m.restored, m.cutErrors, m,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(e.config.Collectors...)
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 2 * scrapeTimeout})
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("rampart_"+name, help, labels, nil)
}

var (
	descBuild       = desc("build_info", "Always 1.", "version", "go_version")
	descInForce     = desc("program_in_force", "1 when a program of this daemon is in force, else 0.")
	descPending     = desc("program_pending", "1 when a newer program waits because the backend refused it, else 0.")
	descProgram     = desc("program_info", "Always 1, while a program is in force.", "hash", "node")
	descGeneration  = desc("program_generation", "Generation of the program in force.")
	descApplied     = desc("program_applied_timestamp_seconds", "When the program in force was put in force.")
	descEndpoints   = desc("endpoints", "Endpoints of this node in the program in force.")
	descRules       = desc("rules", "Rules in the program in force.")
	descSets        = desc("sets", "Sets in the program in force.")
	descPolicies    = desc("policies", "Policies of the model, by whether they have an effect.", "state")
	descObjects     = desc("backend_objects", "Objects of the backend that are in force.", "backend")
	descBackendUp   = desc("backend_up", "1 when the backend holds the program in force and accepts the newest, else 0.", "backend")
	descSourceUp    = desc("source_up", "1 when the last reading of the source was usable, else 0.", "source")
	descSourceSaved = desc("source_saved_state", "1 while the saved bundle of a source is in use, else 0.", "source")
	descSourceGood  = desc("source_last_good_timestamp_seconds", "When what is in use of the source was read.", "source")
	descResources   = desc("source_resources", "Resources of the source that are in use.", "source")
	descPackets     = desc("rule_packets_total", "Packets that a rule has matched.", "rule", "direction", "action", "id")
	descBytes       = desc("rule_bytes_total", "Bytes that a rule has matched.", "rule", "direction", "action", "id")
	descOmitted     = desc("rule_series_omitted", "Rules without series of their own, because there are more than the configuration allows.")
)

// Describe implements prometheus.Collector: what Collect sends depends on the program.
func (m *metrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		for i, l := range labels {
			labels[i] = label(l)
		}
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	snap := m.e.snapshot.Load()
	gauge(descBuild, 1, m.e.config.Version, runtime.Version())
	gauge(descInForce, number(snap.inForce != nil))
	gauge(descPending, number(snap.status.Pending != nil))
	if f := snap.inForce; f != nil {
		gauge(descProgram, 1, f.program.Hash, f.program.Node)
		gauge(descGeneration, float64(f.program.Generation))
		gauge(descApplied, float64(f.applied.UnixMilli())/1000)
		gauge(descEndpoints, float64(f.counts.Endpoints))
		gauge(descRules, float64(f.counts.Rules))
		gauge(descSets, float64(f.counts.Sets))
		gauge(descPolicies, float64(f.counts.ActivePolicies), "active")
		gauge(descPolicies, float64(f.counts.InactivePolicies), "inactive")
		m.collectRules(f, out)
	}
	for _, b := range snap.status.Backends {
		gauge(descObjects, float64(b.Objects), b.Name)
		gauge(descBackendUp, number(b.State == api.BackendOK), b.Name)
	}
	for _, s := range snap.status.Sources {
		gauge(descSourceUp, number(s.State == api.SourceOK), s.Name)
		gauge(descSourceSaved, number(s.State == api.SourceSaved), s.Name)
		gauge(descResources, float64(s.Resources), s.Name)
		if !s.Loaded.IsZero() {
			gauge(descSourceGood, float64(s.Loaded.UnixMilli())/1000, s.Name)
		}
	}
}

// collectRules sends the counters of the first rules of the program, as many as the configuration allows: the number of
// series must not follow the number of rules without bound.
func (m *metrics) collectRules(f *inForce, out chan<- prometheus.Metric) {
	rules := f.rules()
	shown := rules[:min(len(rules), m.e.config.RuleSeries)]
	out <- prometheus.MustNewConstMetric(descOmitted, prometheus.GaugeValue, float64(len(rules)-len(shown)))
	if len(shown) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	counters, err := m.e.readCounters(ctx)
	if err != nil {
		if !errors.Is(err, errNoCounters) {
			m.counterErrors.Inc()
			m.e.config.Logger.Warn("counters cannot be read", "error", err)
		}
		return
	}
	for _, r := range shown {
		n := counters[r.rule.ID]
		labels := []string{r.ref, string(r.direction), string(r.rule.Action), r.rule.ID.String()}
		out <- prometheus.MustNewConstMetric(descPackets, prometheus.CounterValue, float64(n.Packets), labels...)
		out <- prometheus.MustNewConstMetric(descBytes, prometheus.CounterValue, float64(n.Bytes), labels...)
	}
}

// label is text as Prometheus takes it, which panics over anything but UTF-8: file names may be anything.
func label(text string) string { return strings.ToValidUTF8(text, "\ufffd") }

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
