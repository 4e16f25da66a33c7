package conf

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"

	"rampart/conf/tree"
)

// WriteDiagnostics prints diagnostics for people: file, line and column first, as compilers do, then the line itself
// with the place marked. Lines come from the sources, by file name, and from the diagnostics' own notes where those have
// none; sources may be nil.
func WriteDiagnostics(w io.Writer, diags hcl.Diagnostics, sources map[string][]byte, color bool) error {
	p := printer{w: bufio.NewWriter(w), color: color, files: map[string]*tree.File{}}
	for name, src := range sources {
		p.files[name] = tree.NewFile(name, src)
	}
	for _, d := range diags {
		p.diagnostic(d)
	}
	return p.w.Flush()
}

const (
	ansiRed    = "\x1b[1;31m"
	ansiYellow = "\x1b[1;33m"
	ansiBold   = "\x1b[1m"
	ansiReset  = "\x1b[0m"
)

type printer struct {
	w     *bufio.Writer
	color bool
	files map[string]*tree.File
}

func (p *printer) paint(code, s string) string {
	if !p.color {
		return s
	}
	return code + s + ansiReset
}

func (p *printer) diagnostic(d *hcl.Diagnostic) {
	severity, code := "error", ansiRed
	if d.Severity == hcl.DiagWarning {
		severity, code = "warning", ansiYellow
	}
	place := ""
	if d.Subject != nil {
		place = fmt.Sprintf("%s:%d:%d: ", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column)
	}
	fmt.Fprintf(p.w, "%s%s %s\n", p.paint(ansiBold, place), p.paint(code, severity+":"), Printable(Message(d.Summary, d.Detail)))
	if d.Subject == nil {
		return
	}
	p.excerpt(d, code)
	if n := NoteOf(d); n != nil && n.Resource.Name != "" {
		fmt.Fprintf(p.w, "%6s = in %s\n", "", Printable(n.Resource.String()))
	}
}

// Message is the summary and the detail of a diagnostic in one line. Both may say what is invalid; once is enough.
func Message(summary, detail string) string {
	detail = strings.Join(strings.Fields(detail), " ")
	s, d := strings.ToLower(summary), strings.ToLower(detail)
	switch {
	case detail == "":
		return summary
	case strings.HasPrefix(d, s), strings.HasPrefix(s, "invalid ") && strings.HasPrefix(d, "invalid "):
		return strings.ToUpper(detail[:1]) + detail[1:]
	}
	return summary + ": " + detail
}

// excerpt prints the first line of the subject and marks it; of a long line the part around the place.
func (p *printer) excerpt(d *hcl.Diagnostic, code string) {
	text, from := p.line(d)
	line := []rune(text)
	if len(line) == 0 {
		return
	}
	start := min(max(d.Subject.Start.Column-from, 0), len(line))
	end := len(line)
	if d.Subject.End.Line == d.Subject.Start.Line {
		end = min(max(d.Subject.End.Column-from, start), len(line))
	}
	before := ""
	if from > 1 {
		before = "…"
	}
	marks := strings.Repeat(" ", start+len([]rune(before))) + p.paint(code, strings.Repeat("^", max(1, end-start)))
	fmt.Fprintf(p.w, "%6d | %s%s\n%6s | %s\n", d.Subject.Start.Line, before, Printable(text), "", marks)
}

// line is what is shown of the first line of the subject and the column it starts at, "" when nothing is known of it.
func (p *printer) line(d *hcl.Diagnostic) (string, int) {
	if f := p.files[d.Subject.Filename]; f != nil {
		return f.Window(d.Subject.Start.Line, d.Subject.Start.Column, excerptWidth)
	}
	if n := NoteOf(d); n != nil {
		return n.Line, n.From
	}
	return "", 1
}

// Printable keeps what a file holds from driving the terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return '\ufffd'
	}, s)
}

// Diagnostic is the JSON form of a diagnostic.
type Diagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
	File     string `json:"file,omitempty"`
	// Lines and columns count from 1; columns count characters, and the end is the first character after.
	Line      int    `json:"line,omitempty"`
	Column    int    `json:"column,omitempty"`
	EndLine   int    `json:"endLine,omitempty"`
	EndColumn int    `json:"endColumn,omitempty"`
	Source    string `json:"source,omitempty"`
	Resource  string `json:"resource,omitempty"`
}

// JSON returns the JSON form of diagnostics; it is never nil.
func JSON(diags hcl.Diagnostics) []Diagnostic {
	list := make([]Diagnostic, 0, len(diags))
	for _, d := range diags {
		j := Diagnostic{Severity: "error", Summary: d.Summary, Detail: d.Detail}
		if d.Severity == hcl.DiagWarning {
			j.Severity = "warning"
		}
		if r := d.Subject; r != nil {
			j.File, j.Line, j.Column, j.EndLine, j.EndColumn = r.Filename, r.Start.Line, r.Start.Column, r.End.Line, r.End.Column
		}
		if n := NoteOf(d); n != nil {
			j.Source = n.Line
			if n.Resource.Name != "" {
				j.Resource = n.Resource.String()
			}
		}
		list = append(list, j)
	}
	return list
}
