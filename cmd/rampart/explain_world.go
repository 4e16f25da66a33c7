package main

import (
	"context"
	"errors"

	"rampart/engine/compile"
	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

const engineOracle = "oracle"

var errNoEndpoints = errors.New("no endpoint in the given files, so there is nothing to explain")

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

// loadExplainWorld reads the files.
func loadExplainWorld(ctx context.Context, e *env, paths []string, engine string) (*explainWorld, error) {
	resources, err := loadFiles(ctx, e, paths)
	if err != nil {
		return nil, err
	}
	w := &explainWorld{
		resources: resources, engine: engine, names: newEndpointNames(resources),
		compiled: map[string]*eval.Evaluator{}, oracles: map[string]*eval.Oracle{},
	}
	if len(w.names.nodes) == 0 {
		return nil, errNoEndpoints
	}
	return w, nil
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
