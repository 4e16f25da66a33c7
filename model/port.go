package model

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Port is a port number, an inclusive range or the name of a port that endpoints define.
type Port struct {
	// Name is set for a named port; Min and Max are then 0.
	Name string
	Min  uint16
	Max  uint16
}

var portName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)

// ParsePort reads "80", "6040:6050" or a name. Messages follow Calico's decoder.
func ParsePort(s string) (Port, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 0 || n > 65535 {
			return Port{}, fmt.Errorf("invalid port format (%s)", s)
		}
		return Port{Min: uint16(n), Max: uint16(n)}, nil
	}
	if lo, hi, ok := strings.Cut(s, ":"); ok {
		a, err := strconv.ParseUint(lo, 10, 16)
		if err != nil {
			return Port{}, fmt.Errorf("invalid minimum port number in range (%s)", s)
		}
		b, err := strconv.ParseUint(hi, 10, 16)
		if err != nil {
			return Port{}, fmt.Errorf("invalid maximum port number in range (%s)", s)
		}
		if a > b {
			return Port{}, fmt.Errorf("minimum port number (%d) is greater than maximum port number (%d) in port range", a, b)
		}
		return Port{Min: uint16(a), Max: uint16(b)}, nil
	}
	if !portName.MatchString(s) {
		return Port{}, fmt.Errorf("invalid name for named port (%s)", s)
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
