package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"rampart/conf"
	"rampart/nft"
)

// TestMetricsAddressNeedNotExist listens on an address of the documentation prefix (RFC 5737), which no interface has.
func TestMetricsAddressNeedNotExist(t *testing.T) {
	for _, address := range []string{"192.0.2.1:0", "[2001:db8::1]:0"} {
		l, err := listenMetrics(t.Context(), address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		l.Close()
	}
	if _, err := listenMetrics(t.Context(), "192.0.2.1:99999"); err == nil {
		t.Error("port 99999 is taken")
	}
}

func TestMetricsAreServed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l, err := listenMetrics(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		serveMetrics(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x 1\n") }), slog.New(slog.DiscardHandler))
	}()
	get := func(path string) (int, string) {
		c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := c.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	if code, body := get("/metrics"); code != 200 || body != "x 1\n" {
		t.Errorf("/metrics: %d %q", code, body)
	}
	if code, _ := get("/"); code != 404 {
		t.Errorf("/: %d", code)
	}
	cancel()
	<-done
}

func TestLoggerFollowsTheConfiguration(t *testing.T) {
	for _, tt := range []struct {
		log  conf.DaemonLog
		want string
	}{
		{conf.DaemonLog{Level: "info", Format: "text"}, "level=INFO msg=one policy=p\n"},
		{conf.DaemonLog{Level: "warn", Format: "text"}, ""},
		{conf.DaemonLog{Level: "debug", Format: "json"}, `"level":"INFO","msg":"one","policy":"p"}` + "\n"},
	} {
		var out strings.Builder
		newLogger(&env{stderr: &out}, tt.log).Info("one", "policy", "p")
		if !strings.HasSuffix(out.String(), tt.want) || tt.want == "" && out.Len() > 0 {
			t.Errorf("%+v: %q, want %q", tt.log, out.String(), tt.want)
		}
	}
}

func TestAPIGroup(t *testing.T) {
	a, err := apiAccess(conf.DaemonAPI{Group: "root", UIDs: []uint32{7}})
	if err != nil || len(a.GIDs) != 1 || a.GIDs[0] != 0 || len(a.UIDs) != 1 {
		t.Errorf("by name: %+v, %v", a, err)
	}
	if a, err = apiAccess(conf.DaemonAPI{Group: "4321"}); err != nil || a.GIDs[0] != 4321 {
		t.Errorf("by number: %+v, %v", a, err)
	}
	if a, err = apiAccess(conf.DaemonAPI{}); err != nil || a.GIDs != nil || a.UIDs != nil {
		t.Errorf("none: %+v, %v", a, err)
	}
}

// TestDefaultLimits keeps the configuration's defaults those of the backend.
func TestDefaultLimits(t *testing.T) {
	want := nft.Limits{
		Elements: nft.DefaultMaxElements, SetElements: nft.DefaultMaxSetElements, Rules: nft.DefaultMaxRules, Chains: nft.DefaultMaxChains,
		Sets: nft.DefaultMaxSets, Memory: nft.DefaultMaxMemory,
	}
	if got := nftConfig(conf.DefaultDaemon()).Limits; got != want {
		t.Errorf("limits are %+v, the backend's are %+v", got, want)
	}
}

// TestRunFlags lets the flags have the last word over the configuration.
func TestRunFlags(t *testing.T) {
	path := t.TempDir() + "/rampart.hcl"
	const text = "node = \"n1\"\nsources { files = [\"/etc/p\"] }\napi { socket = \"/run/a\" }\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		flags               runFlags
		node, files, socket string
	}{
		{runFlags{config: path}, "n1", "/etc/p", "/run/a"},
		{runFlags{config: path, files: []string{"x", "y"}}, "n1", "x y", "/run/a"},
		{runFlags{config: path, node: "n2", socket: "/run/b"}, "n2", "/etc/p", "/run/b"},
		{runFlags{files: []string{"x"}}, host, "x", "/run/rampart/rampart.sock"},
	} {
		c, err := tt.flags.load(&env{stderr: io.Discard})
		if err != nil {
			t.Errorf("%+v: %v", tt.flags, err)
			continue
		}
		if c.Node != tt.node || strings.Join(c.Sources.Files, " ") != tt.files || c.API.Socket != tt.socket {
			t.Errorf("%+v: node %s, files %s, socket %s", tt.flags, c.Node, c.Sources.Files, c.API.Socket)
		}
	}
}

// TestServiceManagerGetsMessages plays systemd: a datagram socket named by NOTIFY_SOCKET (sd_notify(3)).
func TestServiceManagerGetsMessages(t *testing.T) {
	dir, err := os.MkdirTemp("", "rampart")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := dir + "/notify"
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	const want = "RELOADING=1\nMONOTONIC_USEC=123"
	notifyManager(want)
	b := make([]byte, 256)
	n, err := l.Read(b)
	if err != nil || string(b[:n]) != want {
		t.Errorf("got %q, %v, want %q in one message", b[:n], err, want)
	}
}
