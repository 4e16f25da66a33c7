package eval

import (
	"errors"
	"fmt"

	"rampart/engine/ir"
	"rampart/model"
)

// ErrUnknownEndpoint is the error, wrapped, of a probe at an endpoint that the evaluator's node does not have.
var ErrUnknownEndpoint = errors.New("unknown endpoint")

// Evaluator answers probes from one compiled program.
type Evaluator struct {
	endpoints map[model.Key]*ir.Endpoint
	sets      map[ir.SetID]*lazySet
}

// NewEvaluator prepares a program for evaluation. Sets are indexed when a probe first needs them.
func NewEvaluator(p *ir.Program) *Evaluator {
	e := &Evaluator{
		endpoints: make(map[model.Key]*ir.Endpoint, len(p.Endpoints)),
		sets:      make(map[ir.SetID]*lazySet, len(p.Sets)),
	}
	for _, ep := range p.Endpoints {
		e.endpoints[ep.Key] = ep
	}
	for _, s := range p.Sets {
		e.sets[s.ID] = &lazySet{set: s}
	}
	return e
}

// Evaluate decides one probe. The error says that the probe makes no sense here: an unknown endpoint or direction.
func (e *Evaluator) Evaluate(pr model.Probe) (model.Verdict, error) {
	ep, err := e.find(&pr)
	if err != nil {
		return model.Verdict{}, err
	}
	return e.decide(ep, &pr, enforced, nil), nil
}

// Pending decides one probe as if staged policies were enforced. It is nil when none is staged at this endpoint,
// direction and layer. A staged policy replaces the enforced one of the same kind, namespace and name.
func (e *Evaluator) Pending(pr model.Probe) (*Pending, error) {
	ep, err := e.find(&pr)
	if err != nil {
		return nil, err
	}
	return e.pending(ep, &pr), nil
}

func (e *Evaluator) pending(ep *ir.Endpoint, pr *model.Probe) *Pending {
	if !hasStaged(ep.Group(pr.Direction, pr.Layer)) {
		return nil
	}
	return newPending(e.decide(ep, pr, pending, nil))
}

// Explain decides one probe and tells every step. Its verdict is Evaluate's: the two are one code path.
func (e *Evaluator) Explain(pr model.Probe) (Walk, error) {
	ep, err := e.find(&pr)
	if err != nil {
		return Walk{}, err
	}
	w := &Walk{Probe: pr, Endpoint: Place{ep.Origin}, Tiers: []TierStep{}, Profiles: []ProfileStep{}}
	w.Verdict = e.decide(ep, &pr, enforced, w)
	w.Pending = e.pending(ep, &pr)
	return *w, nil
}

func (e *Evaluator) find(pr *model.Probe) (*ir.Endpoint, error) {
	ep := e.endpoints[pr.Endpoint]
	switch {
	case ep == nil:
		return nil, fmt.Errorf("%w %s", ErrUnknownEndpoint, pr.Endpoint)
	case pr.Direction != model.Ingress && pr.Direction != model.Egress:
		return nil, fmt.Errorf("unknown direction %q", pr.Direction)
	case pr.Layer >= model.NumLayers:
		return nil, fmt.Errorf("unknown layer %d", pr.Layer)
	}
	return ep, nil
}

// Evaluate decides one probe of a program. For many probes make an Evaluator.
func Evaluate(p *ir.Program, pr model.Probe) (model.Verdict, error) {
	return NewEvaluator(p).Evaluate(pr)
}

// Explain decides one probe of a program and tells every step. For many probes make an Evaluator.
func Explain(p *ir.Program, pr model.Probe) (Walk, error) { return NewEvaluator(p).Explain(pr) }
