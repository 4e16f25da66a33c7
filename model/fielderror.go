package model

import (
	"fmt"
	"strings"
)

// FieldError is one thing that is wrong with a resource, or, as a Warning, legal but surprising.
type FieldError struct {
	// Path leads to the field from the resource, in JSON names: spec.ingress[0].source.nets[1]. Map keys stand in
	// brackets too: metadata.labels[example.com/role]. What is missing is named as well, so the last part of a path
	// need not be in the document.
	Path string
	// Msg is Calico's reason where Calico has one.
	Msg     string
	Warning bool
	// Column is the 1-based character in the field's text that the message is about, 0 when it is about all of it.
	Column int
	// Follows tells that this only follows from an error before it, and goes away with that.
	Follows bool
	// Words are the values that the field may have, when it has another.
	Words []string
}

// Error is "path: message".
func (e FieldError) Error() string {
	if e.Column > 0 {
		return fmt.Sprintf("%s: column %d: %s", e.Path, e.Column, e.Msg)
	}
	return e.Path + ": " + e.Msg
}

// findings collects field errors in the order of the fields.
type findings []FieldError

func (f *findings) errorf(path, format string, args ...any) {
	*f = append(*f, FieldError{Path: path, Msg: fmt.Sprintf(format, args...)})
}

func (f *findings) warnf(path, format string, args ...any) {
	*f = append(*f, FieldError{Path: path, Msg: fmt.Sprintf(format, args...), Warning: true})
}

// oneOf reports a value that is none of some words.
func (f *findings) oneOf(path string, words ...string) {
	f.notOneOf(path, `supported values: "`+strings.Join(words, `", "`)+`"`, words)
}

// notOneOf is oneOf with a message of its own.
func (f *findings) notOneOf(path, msg string, words []string) {
	*f = append(*f, FieldError{Path: path, Msg: msg, Words: words})
}

// mismatch reports that something does not go with a protocol. It follows when nobody knows which protocol was meant.
func (f *findings) mismatch(path string, p Protocol, msg string) {
	*f = append(*f, FieldError{Path: path, Msg: msg, Follows: p.unknown()})
}

// limit checks the length of a list.
func (f *findings) limit(path string, n, most int) {
	if n > most {
		f.errorf(path, "must have at most %d items", most)
	}
}
