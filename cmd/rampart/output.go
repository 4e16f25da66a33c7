package main

import "io"

// output is the standard output. It keeps the first error, so that a command that cannot print what it was asked for fails
// whether or not whoever printed has looked.
type output struct {
	io.Writer
	err error
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.Writer.Write(b)
	o.err = err
	return n, err
}
