package ir

import (
	"fmt"
	"hash/fnv"

	"rampart/model"
)

// DefaultID identifies the counter of something that is not a policy rule: a default or a built-in rule. Every backend
// that counts it uses the same name, so that their counts add up.
func DefaultID(name string) model.RuleID {
	h := fnv.New64a()
	h.Write([]byte("builtin\x00"))
	h.Write([]byte(name))
	return model.RuleID(h.Sum64())
}

// ListDefault names the default of a flattened list: what denied (see model.Verdict.DecidedBy), and the list.
func ListDefault(why, list string) string { return fmt.Sprintf("%s list %s", why, list) }
