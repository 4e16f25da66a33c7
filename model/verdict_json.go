package model

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// verdictJSON is the JSON form of a Verdict. The origin is "file:line"; the rule, 16 hexadecimal digits, is left out for
// a default.
type verdictJSON struct {
	Decision  Decision `json:"verdict"`
	DecidedBy string   `json:"decidedBy"`
	Logged    []string `json:"logged"`
	Origin    string   `json:"origin"`
	Rule      string   `json:"rule,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (v Verdict) MarshalJSON() ([]byte, error) {
	j := verdictJSON{Decision: v.Decision, DecidedBy: v.DecidedBy, Logged: v.Logged, Origin: v.Origin.String()}
	if j.Logged == nil {
		j.Logged = []string{}
	}
	if v.Rule != 0 {
		j.Rule = v.Rule.String()
	}
	return json.Marshal(j)
}

// UnmarshalJSON implements json.Unmarshaler. The origin's column is not in the JSON form.
func (v *Verdict) UnmarshalJSON(b []byte) error {
	var j verdictJSON
	if err := UnmarshalStrict(b, &j); err != nil {
		return err
	}
	*v = Verdict{Decision: j.Decision, DecidedBy: j.DecidedBy, Logged: j.Logged}
	if len(j.Logged) == 0 {
		v.Logged = nil
	}
	if i := strings.LastIndexByte(j.Origin, ':'); i > 0 {
		line, err := strconv.Atoi(j.Origin[i+1:])
		if err != nil {
			return fmt.Errorf("origin %q is not file:line", j.Origin)
		}
		v.Origin = Origin{File: j.Origin[:i], Line: line}
	}
	if j.Rule != "" {
		id, err := strconv.ParseUint(j.Rule, 16, 64)
		if err != nil {
			return fmt.Errorf("rule %q is not hexadecimal", j.Rule)
		}
		v.Rule = RuleID(id)
	}
	return nil
}
