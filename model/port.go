package model

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
)

// Port is a port number, an inclusive range or the name of a port that endpoints define.
type Port struct {
	// Name is set for a named port; Min and Max are then 0.
	Name string
	Min  uint16
	Max  uint16
}

var (
	digits    = regexp.MustCompile(`^[0-9]+$`)
	portRange = regexp.MustCompile(`^([0-9]+):([0-9]+)$`)
	portName  = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)
)

// ParsePort reads "80", "6040:6050" or a name. Messages begin with those of Calico's decoder. Port 0 and names that
// Kubernetes refuses are for validation to report.
func ParsePort(s string) (Port, error) {
	if digits.MatchString(s) {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil {
			return Port{}, fmt.Errorf("invalid port format (%s): %s", s, portNumbers)
		}
		return SinglePort(uint16(n)), nil
	}
	if m := portRange.FindStringSubmatch(s); m != nil {
		lo, err := strconv.ParseUint(m[1], 10, 16)
		if err != nil {
			return Port{}, fmt.Errorf("invalid minimum port number in range (%s): %s", s, portNumbers)
		}
		hi, err := strconv.ParseUint(m[2], 10, 16)
		if err != nil {
			return Port{}, fmt.Errorf("invalid maximum port number in range (%s): %s", s, portNumbers)
		}
		if lo > hi {
			return Port{}, fmt.Errorf("minimum port number (%d) is greater than maximum port number (%d) in port range: the range is written %d:%d", lo, hi, hi, lo)
		}
		return Port{Min: uint16(lo), Max: uint16(hi)}, nil
	}
	if !portName.MatchString(s) {
		return Port{}, fmt.Errorf("invalid name for named port (%s): %s", s, cmp.Or(portHint(s), portForms))
	}
	return Port{Name: s}, nil
}

// SinglePort is the port n.
func SinglePort(n uint16) Port { return Port{Min: n, Max: n} }

// String is the form a manifest has.
func (p Port) String() string {
	switch {
	case p.Name != "":
		return p.Name
	case p.Min == p.Max:
		return strconv.Itoa(int(p.Min))
	}
	return fmt.Sprintf("%d:%d", p.Min, p.Max)
}

// MarshalText implements encoding.TextMarshaler.
func (p Port) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Port) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePort(string(b))
	return err
}

// UnmarshalJSON reads a number or a string.
func (p *Port) UnmarshalJSON(b []byte) error {
	text, isNumber, err := numberOrString(b)
	if err != nil {
		return err
	}
	if isNumber && !digits.MatchString(text) {
		return fmt.Errorf("invalid port format (%s): %s", text, portNumbers)
	}
	return p.UnmarshalText([]byte(text))
}

// MarshalJSON writes a single port as a number, a range or a name as a string.
func (p Port) MarshalJSON() ([]byte, error) { return marshalNumberOrString(p.String()) }
