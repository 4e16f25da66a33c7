package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rampart/engine/ir"
	"rampart/model"
)

func sampleResources() []model.Resource {
	order := 0.0
	policy := model.New(model.KindNetworkPolicy).(*model.Policy)
	policy.Metadata = model.Metadata{Name: "allow-tcp-6379", Namespace: "production"}
	policy.Origin = model.Origin{File: "policy.yaml", Line: 3, Column: 1}
	policy.Spec = model.PolicySpec{
		Order: &order, Selector: "database == 'yes' && x == '<&>'", Types: []model.Direction{model.Ingress},
		Ingress: []model.Rule{{
			Action: model.Allow, Protocol: model.Protocol{Name: "TCP", Number: 6}, Origin: model.Origin{File: "policy.yaml", Line: 12, Column: 3},
			Source:      model.EntityRule{Nets: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
			Destination: model.EntityRule{Ports: []model.Port{model.SinglePort(6379), {Name: "web"}}},
		}},
	}
	tier := model.New(model.KindTier).(*model.Tier)
	tier.Metadata.Name = "default"
	host := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	host.Metadata = model.Metadata{Name: "h1", Labels: map[string]string{"a": "b"}}
	host.Spec.ExpectedIPs = []netip.Addr{netip.MustParseAddr("fe80::1")}
	kube := model.New(model.KindKubernetesNetworkPolicy).(*model.KubernetesNetworkPolicy)
	kube.Metadata = model.Metadata{Name: "k", Namespace: "production"}
	kube.Spec.Ingress = []model.KubernetesIngressRule{{From: []model.KubernetesPeer{{PodSelector: &model.LabelSelector{}}}}}
	return []model.Resource{policy, tier, host, kube}
}

func TestResourcesSurviveJSON(t *testing.T) {
	for _, want := range sampleResources() {
		b, err := EncodeResource(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeResource(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if got.Source() != want.Source() {
			t.Errorf("%s: origin %v, want %v", want.Key(), got.Source(), want.Source())
		}
		for i, o := range Origins(want) {
			*Origins(got)[i] = *o
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
			cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", want.Key(), diff)
		}
	}
}

func TestOriginsFindsRules(t *testing.T) {
	var lines []int
	for _, o := range Origins(sampleResources()[0]) {
		lines = append(lines, o.Line)
	}
	if diff := cmp.Diff([]int{3, 12}, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestClientSeesWhatTheDaemonSays(t *testing.T) {
	d := &fakeDaemon{
		status:    Status{Node: "n1", State: InForce, Program: &Program{Generation: 7, Hash: "00ff"}},
		policies:  []Policy{{Kind: model.KindNetworkPolicy, Namespace: "production", Name: "allow-tcp-6379", Tier: "default", Active: true}},
		program:   &ir.Program{Node: "n1", Hash: "00ff", Endpoints: []*ir.Endpoint{{Key: model.Key{Kind: model.KindHostEndpoint, Name: "h1"}, Interface: "eth0"}}},
		resources: sampleResources(),
		counters:  []Counter{{ID: "01", Rule: "default/NetworkPolicy:production/allow-tcp-6379[0]", Packets: 3, Bytes: 180}},
	}
	c := NewClient(serve(t, d, Access{}))

	s, err := c.Status(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Status(true), *s); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if s, err = c.Status(t.Context(), false); err != nil || s.Policies != nil {
		t.Errorf("status without policies: %v, %v", s.Policies, err)
	}
	counters, err := c.Counters(t.Context())
	if diff := cmp.Diff(d.counters, counters); diff != "" || err != nil {
		t.Errorf("counters (-want +got):\n%s%v", diff, err)
	}
	endpoints, err := c.Endpoints(t.Context())
	if err != nil || len(endpoints) != 1 || endpoints[0].Interface != "eth0" {
		t.Errorf("endpoints %+v, %v", endpoints, err)
	}
	text, err := c.Program(t.Context())
	if err != nil || text != ir.Text(d.program) {
		t.Errorf("program %q, %v", text, err)
	}
	if _, err := c.Reload(t.Context()); err != nil || d.reloads != 1 {
		t.Errorf("reload: %v, %d reloads", err, d.reloads)
	}
	d.reloadErr = errors.New("policy.yaml:3: bad selector")
	if _, err := c.Reload(t.Context()); err == nil || err.Error() != d.reloadErr.Error() {
		t.Errorf("reload: %v, want %v", err, d.reloadErr)
	}
}

func TestResourceFilters(t *testing.T) {
	c := NewClient(serve(t, &fakeDaemon{program: &ir.Program{}, resources: sampleResources()}, Access{}))
	for _, tt := range []struct {
		kind            model.Kind
		namespace, name string
		want            []string
	}{
		{"", "", "", []string{"NetworkPolicy/production/allow-tcp-6379", "Tier/default", "HostEndpoint/h1", "KubernetesNetworkPolicy/production/k"}},
		{"np", "", "", []string{"NetworkPolicy/production/allow-tcp-6379"}},
		{"", "production", "", []string{"NetworkPolicy/production/allow-tcp-6379", "KubernetesNetworkPolicy/production/k"}},
		{"HEPS", "", "h1", []string{"HostEndpoint/h1"}},
		{"hep", "", "h2", nil},
	} {
		resources, err := c.Resources(t.Context(), tt.kind, tt.namespace, tt.name)
		if err != nil {
			t.Errorf("%q: %v", tt.kind, err)
		}
		var got []string
		for _, r := range resources {
			got = append(got, r.Key().String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q %q %q (-want +got):\n%s", tt.kind, tt.namespace, tt.name, diff)
		}
	}
	if _, err := c.Resources(t.Context(), "nonsense", "", ""); err == nil || !strings.Contains(err.Error(), `unknown kind "nonsense"`) {
		t.Errorf("unknown kind: %v", err)
	}
}

func TestRequestsAreRefused(t *testing.T) {
	h := Handler(&fakeDaemon{})
	for _, tt := range []struct {
		method, path string
		code         int
		body         string
	}{
		{"GET", "/", 404, "no such path"},
		{"GET", "/v1/reload", 404, "no such path"},
		{"POST", "/v1/status", 404, "no such path"},
		{"GET", "/v1/program", 503, "no program is in force"},
		{"GET", "/v1/endpoints", 503, "no program is in force"},
		{"GET", "/v1/resources?kind=np", 503, "no program is in force"},
		{"GET", "/v1/counters", 503, "backend counts nothing"},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
		if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.body) {
			t.Errorf("%s %s: %d %s, want %d %q", tt.method, tt.path, w.Code, w.Body, tt.code, tt.body)
		}
	}
}

func TestHeadersAreBounded(t *testing.T) {
	socket := serve(t, &fakeDaemon{}, Access{})
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	huge := bytes.Repeat([]byte("x"), 1<<20)
	go func() {
		io.WriteString(c, "GET /v1/status HTTP/1.1\r\nHost: rampart\r\nX-Huge: ")
		c.Write(huge)
	}()
	b := make([]byte, 64)
	n, _ := c.Read(b)
	if want := "HTTP/1.1 431"; !strings.HasPrefix(string(b[:n]), want) {
		t.Errorf("answer %q, want %q", b[:n], want)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	read := make(chan error, 1)
	h := Handler(&fakeDaemon{})
	r := httptest.NewRequest("POST", "/v1/reload", bytes.NewReader(make([]byte, 1<<20)))
	body := r.Body
	h.ServeHTTP(httptest.NewRecorder(), r)
	go func() { _, err := io.ReadAll(r.Body); read <- err }()
	var tooLarge *http.MaxBytesError
	if err := <-read; !errors.As(err, &tooLarge) {
		t.Errorf("reading a body of a megabyte: %v, want %T", err, tooLarge)
	}
	body.Close()
}

// TestDocumentedStatus reads the example in docs/api.md: its fields are those of Status.
func TestDocumentedStatus(t *testing.T) {
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/api.md has no example")
	}
	d := json.NewDecoder(strings.NewReader(example))
	d.DisallowUnknownFields()
	var s Status
	if err := d.Decode(&s); err != nil {
		t.Error(err)
	}
	if s.State != InForce || s.Program == nil || len(s.Sources) != 1 || s.Sources[0].State != SourceFailed {
		t.Errorf("example %+v", s)
	}
}

// A daemon that is stopped accepts connections, since the kernel does, and says nothing.
func TestClientGivesUpOnAStuckDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path, Access{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := NewClient(path)
	c.asking = client(path, time.Millisecond)
	want := "the daemon on " + path + " does not answer"
	if _, err := c.Status(t.Context(), false); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Status(over, false); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was cancelled", err)
	}
}
