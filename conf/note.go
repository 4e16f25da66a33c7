package conf

import (
	"cmp"
	"fmt"
	"slices"
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
	// Line is the first line of the diagnostic's subject, or, of a long line, the part around it; From is the column that
	// Line starts at.
	Line string
	From int
	// Strict marks a warning that is an error for who asks whether the configuration is right.
	Strict bool
}

// NoteOf is the note of a diagnostic, or nil.
func NoteOf(d *hcl.Diagnostic) *Note {
	n, _ := d.Extra.(*Note)
	return n
}

// excerptWidth is how many characters of a line are shown.
const excerptWidth = 120

// maxFileDiagnostics is how many diagnostics of one file are kept; nobody reads more.
const maxFileDiagnostics = 1000

// finish orders the diagnostics of one file, bounds their number and attaches their excerpts.
func finish(f *tree.File, diags hcl.Diagnostics) hcl.Diagnostics {
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int { return cmp.Compare(startByte(a), startByte(b)) })
	if more := len(diags) - maxFileDiagnostics; more > 0 {
		slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int { return cmp.Compare(a.Severity, b.Severity) }) // errors first
		last := diags[maxFileDiagnostics-1]
		diags = append(diags[:maxFileDiagnostics:maxFileDiagnostics], &hcl.Diagnostic{Severity: last.Severity, Summary: "Further diagnostics",
			Detail: fmt.Sprintf("There are %d more in %s.", more, f.Name)})
	}
	attachExcerpts(f, diags)
	return shortDetails(diags)
}

// maxDetail bounds a message, in bytes: what it quotes from a file may be as long as the file.
const maxDetail = 1500

// shortDetails takes the middle out of messages that are too long.
func shortDetails(diags hcl.Diagnostics) hcl.Diagnostics {
	for _, d := range diags {
		if n := len(d.Detail); n > maxDetail {
			d.Detail = strings.ToValidUTF8(d.Detail[:maxDetail/2], "") + " … " + strings.ToValidUTF8(d.Detail[n-maxDetail/2:], "")
		}
	}
	return diags
}

func startByte(d *hcl.Diagnostic) int {
	if d.Subject == nil {
		return 0
	}
	return d.Subject.Start.Byte
}

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
		n.Line, n.From = f.Window(d.Subject.Start.Line, d.Subject.Start.Column, excerptWidth)
		d.Extra = &n
	}
}
