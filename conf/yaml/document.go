package yaml

import (
	"bytes"

	"rampart/conf/tree"
)

// Document is one document of a stream: the bytes from Start up to, not including, End of its file.
type Document struct{ Start, End int }

// Documents splits a stream at its document markers. The markers cannot occur inside a value: no multi-line scalar may
// hold a line that starts with one (YAML 1.2, c-forbidden). Directives stay with the document they introduce.
func Documents(f *tree.File) []Document {
	var docs []Document
	start, content := 0, false
	cut := func(end int) {
		if content {
			docs = append(docs, Document{start, end})
		}
		start, content = end, false
	}
	for at := 0; at < len(f.Src); {
		line := f.Src[at:]
		next := len(f.Src)
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line, next = line[:i], at+i+1
		}
		switch {
		case isMarker(line, "---"):
			if content {
				cut(at)
			}
			content = true
		case isMarker(line, "..."):
			cut(next)
		case !content:
			text := bytes.TrimSpace(line)
			content = len(text) > 0 && text[0] != '#' && line[0] != '%'
		}
		at = next
	}
	cut(len(f.Src))
	return docs
}

func isMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r')
}
