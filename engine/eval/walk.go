package eval

import (
	"encoding/json"
	"fmt"

	"rampart/model"
)

// Walk is what one evaluation looked at, in order, down to the rule that decided. What comes after the decision is not in
// it, because it was not looked at.
type Walk struct {
	Probe model.Probe `json:"probe"`
	// Endpoint is where the endpoint was written.
	Endpoint Place         `json:"endpoint"`
	Tiers    []TierStep    `json:"tiers"`
	Profiles []ProfileStep `json:"profiles"`
	// End says why the packet came to the end of the layer, when it did.
	End     string        `json:"end,omitempty"`
	Verdict model.Verdict `json:"verdict"`
	// Pending is what staged policies would make of the packet; nil when none is staged here.
	Pending *Pending `json:"pending,omitempty"`
}

// Pending is the verdict if the staged policies were enforced. Nothing acts on it.
type Pending struct {
	// Verdict is would-allow, would-deny or would-continue.
	Verdict   string `json:"verdict"`
	DecidedBy string `json:"decidedBy"`
	Origin    Place  `json:"origin"`
}

func newPending(v model.Verdict) *Pending {
	return &Pending{Verdict: "would-" + string(v.Decision), DecidedBy: v.DecidedBy, Origin: Place{v.Origin}}
}

// TierStep is the walk through one tier.
type TierStep struct {
	Name     string       `json:"name"`
	Missing  bool         `json:"missing,omitempty"`
	Policies []PolicyStep `json:"policies"`
	// Outcome is what became of the packet here.
	Outcome string `json:"outcome"`
}

// end notes what became of the packet in the tier; a nil step takes no notes.
func (s *TierStep) end(format string, args ...any) {
	if s != nil {
		s.Outcome = fmt.Sprintf(format, args...)
	}
}

// PolicyStep is the walk through one policy's rules.
type PolicyStep struct {
	// Policy is the policy's reference, as in model.PolicyRef.
	Policy string     `json:"policy"`
	Origin Place      `json:"origin,omitzero"`
	Staged bool       `json:"staged,omitempty"`
	Rules  []RuleStep `json:"rules"`
	// Outcome is allow, deny, pass or no match; with "would " before the first three for a staged policy.
	Outcome string `json:"outcome"`
}

// ProfileStep is the walk through one profile's rules.
type ProfileStep struct {
	Name    string     `json:"name"`
	Origin  Place      `json:"origin,omitzero"`
	Missing bool       `json:"missing,omitempty"`
	Rules   []RuleStep `json:"rules"`
	Outcome string     `json:"outcome"`
}

// RuleStep is one rule held against the packet.
type RuleStep struct {
	Index   int          `json:"index"`
	ID      model.RuleID `json:"-"`
	Origin  Place        `json:"origin,omitzero"`
	Action  model.Action `json:"action"`
	Matched bool         `json:"matched"`
	// Why names the first condition that did not hold.
	Why string `json:"why,omitempty"`
}

// Place is an origin that JSON shows as "file:line".
type Place struct{ model.Origin }

// MarshalJSON implements json.Marshaler.
func (p Place) MarshalJSON() ([]byte, error) { return json.Marshal(p.String()) }

// The outcomes of a policy or profile for one packet.
const (
	OutcomeAllow   = "allow"
	OutcomeDeny    = "deny"
	OutcomePass    = "pass"
	OutcomeNoMatch = "no match"
)

var outcomes = map[model.Action]string{model.Allow: OutcomeAllow, model.Deny: OutcomeDeny, model.Pass: OutcomePass}
