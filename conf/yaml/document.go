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
	start := 0
	marked, content := false, false // what the document has so far: its marker, something beside comments and directives
	cut := func(end int) {
		if content {
			docs = append(docs, Document{start, end})
		}
		start, marked, content = end, false, false
	}
	searched := false
	for at, next := 0, 0; at < len(f.Src); at = next {
		if content && !searched {
			// Most files are one document.
			searched = true
			if rest := f.Src[at:]; !bytes.Contains(rest, []byte("---")) && !bytes.Contains(rest, []byte("...")) {
				break
			}
		}
		if next = nextLine(f.Src, at); next < 0 {
			next = len(f.Src)
		}
		line := bytes.TrimRight(f.Src[at:next], "\r\n\u0085\u2028\u2029")
		switch {
		case isMarker(line, "---"):
			if marked || content {
				cut(at)
			}
			marked, content = true, holdsText(line[len("---"):])
		case isMarker(line, "..."):
			cut(next)
		case !content:
			directive := !marked && len(line) > 0 && line[0] == '%'
			content = !directive && holdsText(line)
		}
	}
	cut(len(f.Src))
	return docs
}

// holdsText tells whether a line has more than white space and a comment.
func holdsText(line []byte) bool {
	text := bytes.TrimSpace(line)
	return len(text) > 0 && text[0] != '#'
}

func isMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t')
}
