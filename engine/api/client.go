package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sys/unix"

	"rampart/model"
)

// ErrNoDaemon means that nobody listens on the socket.
var ErrNoDaemon = errors.New("no rampart daemon is running")

// How long the daemon may take to begin an answer: one that is stopped, or stuck, accepts connections and never answers.
const (
	answerTimeout       = 15 * time.Second
	reloadAnswerTimeout = reloadTimeout + answerTimeout
)

// Client talks to a daemon. It holds no connection open between calls.
type Client struct {
	socket         string
	asking, reload *http.Client
}

// NewClient returns a client for the daemon that listens on a socket; "" is DefaultSocket.
func NewClient(socket string) *Client {
	if socket == "" {
		socket = DefaultSocket
	}
	return &Client{socket: socket, asking: client(socket, answerTimeout), reload: client(socket, reloadAnswerTimeout)}
}

func client(socket string, patience time.Duration) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true, ResponseHeaderTimeout: patience}}
}

// Status asks what is in force; with policies, Status.Policies is filled too.
func (c *Client) Status(ctx context.Context, policies bool) (*Status, error) {
	q := url.Values{}
	if policies {
		q.Set("policies", "true")
	}
	s := new(Status)
	return s, c.json(ctx, http.MethodGet, "/v1/status", q, s)
}

// Resources asks for the resources in force of one kind, or of all kinds when kind is ""; namespace and name, when not
// "", restrict them further.
func (c *Client) Resources(ctx context.Context, kind model.Kind, namespace, name string) ([]model.Resource, error) {
	var list List[json.RawMessage]
	q := url.Values{}
	for k, v := range map[string]string{"kind": string(kind), "namespace": namespace, "name": name} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if err := c.json(ctx, http.MethodGet, "/v1/resources", q, &list); err != nil {
		return nil, err
	}
	out := make([]model.Resource, 0, len(list.Items))
	for _, b := range list.Items {
		r, err := DecodeResource(b)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// Endpoints asks for the node's endpoints.
func (c *Client) Endpoints(ctx context.Context) ([]Endpoint, error) {
	var list List[Endpoint]
	err := c.json(ctx, http.MethodGet, "/v1/endpoints", nil, &list)
	return list.Items, err
}

// Counters asks for the counters of every rule.
func (c *Client) Counters(ctx context.Context) ([]Counter, error) {
	var list List[Counter]
	err := c.json(ctx, http.MethodGet, "/v1/counters", nil, &list)
	return list.Items, err
}

// Program asks for the compiled program as text.
func (c *Client) Program(ctx context.Context) (string, error) {
	body, err := c.do(ctx, http.MethodGet, "/v1/program", nil)
	if err != nil {
		return "", err
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	return string(b), err
}

// Reload makes the daemon read its sources again and waits for the result.
func (c *Client) Reload(ctx context.Context) (*Status, error) {
	s := new(Status)
	return s, c.json(ctx, http.MethodPost, "/v1/reload", nil, s)
}

func (c *Client) json(ctx context.Context, method, path string, q url.Values, into any) error {
	body, err := c.do(ctx, method, path, q)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return fmt.Errorf("answer of %s %s: %w", method, path, err)
	}
	return nil
}

// do sends a request and returns the body of a successful answer; the caller closes it.
func (c *Client) do(ctx context.Context, method, path string, q url.Values) (io.ReadCloser, error) {
	u := url.URL{Scheme: "http", Host: "rampart", Path: path, RawQuery: q.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	h := c.asking
	if method == http.MethodPost {
		h = c.reload
	}
	res, err := h.Do(req)
	if err != nil {
		return nil, c.dialError(ctx, err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	var p problem
	if err := json.NewDecoder(io.LimitReader(res.Body, maxBodyBytes)).Decode(&p); err != nil || p.Error == "" {
		return nil, fmt.Errorf("%s %s: %s", method, path, res.Status)
	}
	return nil, errors.New(p.Error)
}

// dialError says in plain words why there is no answer.
func (c *Client) dialError(ctx context.Context, err error) error {
	var u *url.Error
	switch {
	case errors.As(err, &u) && u.Timeout() && ctx.Err() == nil:
		return fmt.Errorf("the daemon on %s does not answer", c.socket)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("%w (nobody listens on %s; start one with \"rampart run\")", ErrNoDaemon, c.socket)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission to connect to %s: only root and the users and groups of the daemon's configuration may",
			c.socket)
	}
	if u != nil {
		err = u.Err
	}
	return fmt.Errorf("daemon on %s: %w", c.socket, err)
}
