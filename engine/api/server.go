package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"time"

	"rampart/engine/ir"
	"rampart/model"
)

// Daemon is what the API shows and triggers. The engine implements it.
type Daemon interface {
	// Status is the current status; with policies, Status.Policies is filled too.
	Status(policies bool) Status
	// InForce is the program in force and the resources it was made from; the program is nil when there is none.
	InForce() (*ir.Program, iter.Seq[model.Resource])
	Counters(ctx context.Context) ([]Counter, error)
	// Reload reads every source again and returns when the result is in force or has been refused.
	Reload(ctx context.Context) error
}

// Bounds on what one client may cost the daemon.
const (
	maxConnections = 64
	maxHeaderBytes = 16 << 10
	maxBodyBytes   = 64 << 10
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 60 * time.Second
	reloadTimeout  = 50 * time.Second
	idleTimeout    = 60 * time.Second
	drainTimeout   = 2 * time.Second
)

// errNoProgram is what requests for the program's content get before there is one.
var errNoProgram = errors.New("no program is in force")

// Serve answers requests on l until ctx is done, then lets running requests end and closes l.
func Serve(ctx context.Context, l *net.UnixListener, d Daemon, access Access, logger *slog.Logger) error {
	srv := &http.Server{
		Handler:           guard(access, Handler(d)),
		ConnContext:       connContext,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	stopped := make(chan struct{})
	defer func() { <-stopped }()
	serving, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(stopped)
		<-serving.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if srv.Shutdown(drain) != nil {
			srv.Close()
		}
	}()
	if err := srv.Serve(newLimitListener(l, maxConnections, access.allowsPeer)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Handler answers the API's requests. It does not look at who asks; Serve does.
func Handler(d Daemon) http.Handler {
	s := server{d}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", s.status)
	mux.HandleFunc("GET /v1/policies", s.policies)
	mux.HandleFunc("GET /v1/resources", s.resources)
	mux.HandleFunc("GET /v1/endpoints", s.endpoints)
	mux.HandleFunc("GET /v1/program", s.program)
	mux.HandleFunc("GET /v1/counters", s.counters)
	mux.HandleFunc("POST /v1/reload", s.reload)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusNotFound, fmt.Errorf("no such path: %s %s", r.Method, r.URL.Path))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
		mux.ServeHTTP(w, r)
	})
}

type server struct{ d Daemon }

// List is the JSON form of every answer that has many items.
type List[T any] struct {
	Items []T `json:"items"`
}

// problem is the JSON form of an error.
type problem struct {
	Error string `json:"error"`
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the client has gone; there is nobody to tell
}

func writeError(w http.ResponseWriter, code int, err error) {
	writeJSON(w, code, problem{err.Error()})
}

func (s server) status(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, s.d.Status(r.URL.Query().Get("policies") == "true"))
}

func (s server) policies(w http.ResponseWriter, _ *http.Request) {
	policies := s.d.Status(true).Policies
	if policies == nil {
		policies = []Policy{}
	}
	writeJSON(w, http.StatusOK, List[Policy]{policies})
}

func (s server) endpoints(w http.ResponseWriter, _ *http.Request) {
	p, _ := s.d.InForce()
	if p == nil {
		writeError(w, http.StatusServiceUnavailable, errNoProgram)
		return
	}
	writeJSON(w, http.StatusOK, List[Endpoint]{NewEndpoints(p)})
}

func (s server) program(w http.ResponseWriter, _ *http.Request) {
	p, _ := s.d.InForce()
	if p == nil {
		writeError(w, http.StatusServiceUnavailable, errNoProgram)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(ir.Text(p)))
}

func (s server) counters(w http.ResponseWriter, r *http.Request) {
	counters, err := s.d.Counters(r.Context())
	if err != nil {
		writeError(w, http.StatusServiceUnavailable, err)
		return
	}
	if counters == nil {
		counters = []Counter{}
	}
	writeJSON(w, http.StatusOK, List[Counter]{counters})
}

func (s server) reload(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), reloadTimeout)
	defer cancel()
	if err := s.d.Reload(ctx); err != nil {
		writeError(w, http.StatusConflict, err)
		return
	}
	writeJSON(w, http.StatusOK, s.d.Status(false))
}

// resources writes the items one by one: there may be a hundred thousand.
func (s server) resources(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	kind, ok := model.ParseKind(q.Get("kind"))
	if !ok && q.Get("kind") != "" {
		writeError(w, http.StatusBadRequest, fmt.Errorf("unknown kind %q", q.Get("kind")))
		return
	}
	p, all := s.d.InForce()
	if p == nil {
		writeError(w, http.StatusServiceUnavailable, errNoProgram)
		return
	}
	namespace, name := q.Get("namespace"), q.Get("name")
	w.Header().Set("Content-Type", "application/json")
	separator := `{"items":[`
	for res := range all {
		key := res.Key()
		if kind != "" && key.Kind != kind || namespace != "" && key.Namespace != namespace || name != "" && key.Name != name {
			continue
		}
		b, err := EncodeResource(res)
		if err != nil {
			panic(http.ErrAbortHandler) // breaks the connection, so that the client does not take a part for the whole
		}
		fmt.Fprintf(w, "%s\n%s", separator, b)
		separator = ","
	}
	if separator != "," {
		fmt.Fprint(w, separator)
	}
	fmt.Fprint(w, "]}\n")
}
