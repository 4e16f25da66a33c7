package json

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"rampart/conf/tree"
)

// Format indents every value of a file; nothing but white space changes. The input must be free of syntax errors.
func Format(f *tree.File) ([]byte, error) {
	var out bytes.Buffer
	dec := json.NewDecoder(bytes.NewReader(f.Src))
	for {
		var v json.RawMessage
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			return out.Bytes(), nil
		} else if err != nil {
			return nil, err
		}
		if err := json.Indent(&out, v, "", "  "); err != nil {
			return nil, err
		}
		out.WriteByte('\n')
	}
}
