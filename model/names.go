package model

import (
	"fmt"
	"regexp"
	"strings"
)

// The name grammars of Kubernetes (k8s.io/apimachinery, util/validation) and their limits in bytes.
const (
	dns1123Label     = `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
	dns1123Subdomain = dns1123Label + `(\.` + dns1123Label + `)*`
	qualifiedPart    = `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`

	maxName          = 253
	maxTierName      = 63
	maxQualifiedPart = 63
	maxPortName      = 15
	maxInterfaceName = 15 // IFNAMSIZ, less the final NUL
)

var (
	containerIDRegexp = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$`)
	portNameRegexp    = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	letterRegexp      = regexp.MustCompile(`[a-z]`)
)

// Every resource has names and labels, and there may be ten thousand, so these forms are matched without regular expressions.

// isDNSLabel tells whether all of s is a dns1123Label.
func isDNSLabel(s string) bool { return isName(s, lowerAlphanumeric, "-") }

// isSubdomain tells whether all of s is a dns1123Subdomain.
func isSubdomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if !isDNSLabel(label) {
			return false
		}
	}
	return true
}

// isQualifiedPart tells whether all of s is a qualifiedPart.
func isQualifiedPart(s string) bool { return isName(s, alphanumeric, "-_.") }

// isName tells whether all of s is alphanumeric, or, but for its ends, one of the other characters.
func isName(s string, alphanumeric func(byte) bool, others string) bool {
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && (i == 0 || i == len(s)-1 || strings.IndexByte(others, c) < 0) {
			return false
		}
	}
	return s != ""
}

// isInterfaceName tells whether s is made of letters, digits, '_', '.' and '-'.
func isInterfaceName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return s != ""
}

func lowerAlphanumeric(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

func alphanumeric(c byte) bool { return lowerAlphanumeric(c) || c >= 'A' && c <= 'Z' }

// Calico's and Kubernetes' own words.
const (
	msgSubdomain = "name must consist of lower case alphanumeric characters, '-' or '.' (regex: " + dns1123Subdomain + ")"
	msgDNSLabel  = "name must consist of lower case alphanumeric characters or '-' (regex: " + dns1123Label + ")"
	msgQualified = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
		"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '" + qualifiedPart + "')"
	msgLabelValue = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end " +
		"with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(" + qualifiedPart + ")?')"
	msgPrefix = "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start " +
		"and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '" + dns1123Subdomain + "')"
	msgInterface = "is not an interface name: 1 to 15 letters, digits, '_', '.' or '-'"
)

// qualifiedName says what keeps s from being a Kubernetes qualified name, the form of label and annotation keys: an
// optional DNS name and "/", then a name. It is "" for a good one.
func qualifiedName(s string) string {
	name := s
	if prefix, rest, ok := strings.Cut(s, "/"); ok {
		name = rest
		switch {
		case strings.Contains(rest, "/"):
			return "a qualified name " + msgQualified + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
		case prefix == "":
			return "prefix part must be non-empty"
		case len(prefix) > maxName:
			return fmt.Sprintf("prefix part must be no more than %d bytes", maxName)
		case !isSubdomain(prefix):
			return msgPrefix
		}
	}
	switch {
	case name == "":
		return "name part must be non-empty"
	case len(name) > maxQualifiedPart:
		return fmt.Sprintf("name part must be no more than %d bytes", maxQualifiedPart)
	case !isQualifiedPart(name):
		return "name part " + msgQualified
	}
	return ""
}

// labelValue says what keeps s from being the value of a Kubernetes label, or "".
func labelValue(s string) string {
	switch {
	case len(s) > maxQualifiedPart:
		return fmt.Sprintf("must be no more than %d bytes", maxQualifiedPart)
	case s != "" && !isQualifiedPart(s):
		return msgLabelValue
	}
	return ""
}

// endpointPortName says what keeps s from being the name of a port in Kubernetes (IANA_SVC_NAME, RFC 6335), or "".
func endpointPortName(s string) string {
	switch {
	case s == "":
		return "name must not be empty"
	case len(s) > maxPortName:
		return fmt.Sprintf("port name must be no more than %d characters", maxPortName)
	case !portNameRegexp.MatchString(s):
		return "port name must consist of lower case letters, digits and single '-' between them"
	case !letterRegexp.MatchString(s):
		return "port name must contain at least one letter"
	}
	return ""
}
