package model

import (
	"errors"
	"strconv"
)

// IPVersion is 4 or 6, or 0 for a rule that does not say. Other values are kept for validation to report, except a
// written 0, which is refused when it is decoded.
type IPVersion int

var errIPVersion = errors.New(`supported values: "4", "6"`)

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *IPVersion) UnmarshalText(b []byte) error {
	n, err := strconv.Atoi(string(b))
	if err != nil || n == 0 {
		return errIPVersion
	}
	*v = IPVersion(n)
	return nil
}

// UnmarshalJSON reads a JSON number; null is "does not say".
func (v *IPVersion) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	return v.UnmarshalText(b)
}
