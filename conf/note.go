package conf

import (
	"strings"

	"github.com/hashicorp/hcl/v2"

	"rampart/conf/tree"
	"rampart/model"
)

// Note is the Extra of the diagnostics of this package: what else is known about one, so that it can be printed long
// after the file has changed.
type Note struct {
	// Resource is the resource the diagnostic is about, the zero Key when it is about none.
	Resource model.Key
	// Line is the text of the first line of the diagnostic's subject, shortened when it is very long.
	Line string
	// Strict marks a warning that is an error for who asks whether the configuration is right.
	Strict bool
}

// NoteOf is the note of a diagnostic, or nil.
func NoteOf(d *hcl.Diagnostic) *Note {
	n, _ := d.Extra.(*Note)
	return n
}

// maxLine is how much of a line a note keeps, in bytes.
const maxLine = 1000

// attachExcerpts notes the line of each diagnostic of a file.
func attachExcerpts(f *tree.File, diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Subject == nil || d.Subject.Filename != f.Name {
			continue
		}
		n := Note{}
		if have := NoteOf(d); have != nil {
			n = *have
		}
		n.Line = f.LineText(d.Subject.Start.Line)
		if len(n.Line) > maxLine {
			n.Line = strings.ToValidUTF8(n.Line[:maxLine], "")
		}
		d.Extra = &n
	}
}
