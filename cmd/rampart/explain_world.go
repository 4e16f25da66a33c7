package main

import (
	"context"
	"os"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"rampart/conf"
	"rampart/engine/compile"
	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

const engineOracle = "oracle"

// explainWorld answers probes from resources of any number of nodes; what a node needs is made when it is first asked
// for.
type explainWorld struct {
	resources []model.Resource
	names     endpointNames
	engine    string
	view      *store.View
	compiled  map[string]*eval.Evaluator // by node
	oracles   map[string]*eval.Oracle
}

// loadExplainWorld reads the files. Mistakes in them are printed in full; the error then says no more.
func loadExplainWorld(ctx context.Context, e *env, paths []string, engine string) (*explainWorld, error) {
	source := conf.FilesWith(conf.FileOptions{Stdin: e.stdin}, paths...)
	bundle, diags := source.Load(ctx)
	if diags.HasErrors() {
		errs := slices.DeleteFunc(slices.Clone(diags), func(d *hcl.Diagnostic) bool { return d.Severity != hcl.DiagError })
		if err := conf.WriteDiagnostics(e.stderr, errs, source.Sources(), isTerminal(e.stderr)); err != nil {
			return nil, err
		}
		return nil, &exitError{1}
	}
	w := &explainWorld{
		resources: bundle.Resources, engine: engine, names: newEndpointNames(bundle.Resources),
		compiled: map[string]*eval.Evaluator{}, oracles: map[string]*eval.Oracle{},
	}
	if len(w.names.nodes) == 0 {
		return nil, errNoResources
	}
	return w, nil
}

// isTerminal tells whether colour would be seen. NO_COLOR turns it off (no-color.org).
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// explain answers with the whole walk. The oracle knows only its verdict.
func (w *explainWorld) explain(pr model.Probe) (eval.Walk, error) {
	if w.engine == engineOracle {
		v, err := w.oracle(pr.Endpoint).Evaluate(pr)
		return eval.Walk{Probe: pr, Verdict: v, Tiers: []eval.TierStep{}, Profiles: []eval.ProfileStep{}}, err
	}
	return w.evaluator(pr.Endpoint).Explain(pr)
}

// verdict answers without the walk.
func (w *explainWorld) verdict(pr model.Probe) (model.Verdict, *eval.Pending, error) {
	if w.engine == engineOracle {
		v, err := w.oracle(pr.Endpoint).Evaluate(pr)
		return v, nil, err
	}
	ev := w.evaluator(pr.Endpoint)
	v, err := ev.Evaluate(pr)
	if err != nil {
		return v, nil, err
	}
	p, err := ev.Pending(pr)
	return v, p, err
}

func (w *explainWorld) oracle(at model.Key) *eval.Oracle {
	node := w.names.nodes[at]
	if w.oracles[node] == nil {
		w.oracles[node] = eval.NewOracle(w.resources, node)
	}
	return w.oracles[node]
}

// evaluator is that of the node the endpoint is on.
func (w *explainWorld) evaluator(at model.Key) *eval.Evaluator {
	node := w.names.nodes[at]
	if w.compiled[node] == nil {
		if w.view == nil {
			w.view = store.ViewOf(w.resources...)
		}
		w.compiled[node] = eval.NewEvaluator(compile.Compile(w.view, compile.Host{Node: node}, ir.Options{}))
	}
	return w.compiled[node]
}
