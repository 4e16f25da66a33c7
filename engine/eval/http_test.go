package eval_test

import (
	"strings"
	"testing"

	"rampart/engine/eval"
	"rampart/model"
)

func TestMatchHTTP(t *testing.T) {
	get := &model.HTTPRequest{Method: "GET", Path: "/a"}
	for _, tc := range []struct {
		clause  *model.HTTPMatch
		request *model.HTTPRequest
		want    bool
	}{
		{nil, nil, true},
		{nil, get, true},
		{&model.HTTPMatch{}, nil, false}, // not HTTP
		{&model.HTTPMatch{}, &model.HTTPRequest{Path: "/a"}, false},
		{&model.HTTPMatch{}, get, true},
		{&model.HTTPMatch{Methods: []string{"PUT", "GET"}}, get, true},
		{&model.HTTPMatch{Methods: []string{"get"}}, get, false},
		{&model.HTTPMatch{Methods: []string{"*"}}, get, true},
		{&model.HTTPMatch{Methods: []string{"GET"}, Paths: []model.HTTPPaths{{Exact: "/b"}}}, get, false},
		{&model.HTTPMatch{Paths: []model.HTTPPaths{{Exact: "/b"}, {Prefix: "/a/"}}}, get, true},
		{&model.HTTPMatch{Paths: []model.HTTPPaths{{Prefix: "/"}}}, get, true},
		{&model.HTTPMatch{Paths: []model.HTTPPaths{{Prefix: "/"}}}, &model.HTTPRequest{Method: "GET", Path: "a"}, false},
		{&model.HTTPMatch{Paths: []model.HTTPPaths{{Prefix: "/"}}}, &model.HTTPRequest{Method: "GET", Path: "/%zz"}, false},
		{&model.HTTPMatch{Paths: []model.HTTPPaths{{}}}, get, false}, // neither exact nor prefix
	} {
		if got := eval.MatchHTTP(tc.clause, tc.request); got != tc.want {
			t.Errorf("clause %+v, request %+v: %v", tc.clause, tc.request, got)
		}
	}
}

func FuzzNormalizePath(f *testing.F) {
	for _, s := range []string{"/", "/a/../b", "/a%2f..%2Fb", "/a;x/..;y/", `\..\a`, "/%252e", "/a//b/?q#f", "/%", "/\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, ok := eval.NormalizePath(s)
		if !ok {
			return
		}
		if !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "\\\x00") || strings.Contains(p, "//") {
			t.Fatalf("%q became %q", s, p)
		}
		for seg := range strings.SplitSeq(p, "/") {
			if bare, _, _ := strings.Cut(seg, ";"); bare == "." || bare == ".." {
				t.Fatalf("%q became %q", s, p)
			}
		}
	})
}
