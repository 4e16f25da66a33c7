package model

import "fmt"

// Decision is what an evaluator concludes about a packet.
type Decision string

// The decisions. Continue means that the layer had nothing to say and the next layer is asked.
const (
	DecisionAllow    Decision = "allow"
	DecisionDeny     Decision = "deny"
	DecisionContinue Decision = "continue"
)

// RuleID identifies a rule stably: it is a hash of the policy's key, the direction, the rule's content and its ordinal
// among equal rules, so it survives the insertion of other rules. 0 is "no rule".
type RuleID uint64

// String is 16 hexadecimal digits.
func (id RuleID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// Verdict is what every evaluator returns: the decision and why.
type Verdict struct {
	Decision Decision
	// Rule is the deciding rule, 0 when a default decided.
	Rule RuleID
	// DecidedBy names what decided, in one of the forms of RuleRef, ProfileRef, TierDefaultRef or the Why constants.
	DecidedBy string
	// Origin is where the deciding rule or policy was written, when it was.
	Origin Origin
	// Logged names the Log rules that matched before the decision, in order, as RuleRef.
	Logged []string
}

// Reasons that are not a rule.
const (
	WhyNoProfileMatch = "no-profile-match"
	WhyForwardDefault = "forward-default"
	WhyNoVerdict      = "no-verdict"
)

// RuleRef names a rule of a policy: "<tier>/<Kind>:<namespace>/<name>[index]", without "<namespace>/" for global kinds.
func RuleRef(tier string, policy Key, index int) string {
	return fmt.Sprintf("%s[%d]", PolicyRef(tier, policy), index)
}

// PolicyRef names a policy as RuleRef does, without the rule.
func PolicyRef(tier string, policy Key) string {
	if policy.Namespace == "" {
		return fmt.Sprintf("%s/%s:%s", tier, policy.Kind, policy.Name)
	}
	return fmt.Sprintf("%s/%s:%s/%s", tier, policy.Kind, policy.Namespace, policy.Name)
}

// ProfileRef names a rule of a profile: "profile:<name>[index]".
func ProfileRef(name string, index int) string { return fmt.Sprintf("profile:%s[%d]", name, index) }

// TierDefaultRef names the default action of a tier: "tier-default:<tier>".
func TierDefaultRef(tier string) string { return "tier-default:" + tier }
