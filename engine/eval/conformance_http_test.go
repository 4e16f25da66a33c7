package eval_test

import (
	"testing"

	"rampart/engine/eval"
	"rampart/model"
)

// TestConformanceHTTPPaths holds the path matching of HTTP clauses against Calico's table.
func TestConformanceHTTPPaths(t *testing.T) {
	var file struct {
		Cases []struct {
			Match   bool
			Paths   []model.HTTPPaths
			Request string
			Title   string
		}
	}
	readConformance(t, "http_match.json", &file)
	for _, c := range file.Cases {
		got := eval.MatchHTTP(&model.HTTPMatch{Paths: c.Paths}, &model.HTTPRequest{Method: "GET", Path: c.Request})
		if got != c.Match {
			t.Errorf("%s: paths %v, request %q: match %v, want %v", c.Title, c.Paths, c.Request, got, c.Match)
		}
	}
	t.Logf("%d cases", len(file.Cases))
}
