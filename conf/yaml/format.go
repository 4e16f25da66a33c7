package yaml

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"

	"rampart/conf/tree"
)

// ErrFormat is returned for a document that cannot be laid out anew without a risk to what it says.
var ErrFormat = errors.New("the layout cannot be changed without changing the meaning")

// Format brings YAML into the layout that Append writes: maps are indented by two, lists stand under their key, there is
// no white space at the end of a line and never more than one empty line. Comments, quotes, line breaks inside values and
// the order of everything are kept. The result is parsed again and compared; the input must be free of syntax errors.
func Format(f *tree.File) ([]byte, error) {
	src := bytes.ReplaceAll(f.Src, []byte("\r\n"), []byte("\n"))
	src = bytes.ReplaceAll(src, []byte("\r"), []byte("\n"))
	file := tree.NewFile(f.Name, src)
	var out []byte
	at := 0
	for _, doc := range Documents(file) {
		out = append(out, tidy(lines(src[at:doc.Start]), nil)...)
		text, err := formatDocument(src[doc.Start:doc.End])
		if err != nil {
			return nil, err
		}
		out = append(out, text...)
		at = doc.End
	}
	out = append(out, tidy(lines(src[at:]), nil)...)
	out = append(bytes.Trim(out, "\n"), '\n')
	if len(out) == 1 {
		return nil, nil
	}
	return out, nil
}

func formatDocument(src []byte) ([]byte, error) {
	before, err := decode(src)
	if err != nil {
		return nil, err
	}
	l := &layout{lines: lines(src), at: map[position]int{}, kept: map[int]bool{}}
	if before != nil && len(before.Content) > 0 {
		l.place(before.Content[0], 0, -1)
	}
	out := tidy(l.rewrite(), l.kept)
	after, err := decode(out)
	if err != nil || !sameContent(before, after) {
		return nil, ErrFormat
	}
	return out, nil
}

func lines(src []byte) []string {
	if len(src) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(src), "\n"), "\n")
}

// tidy removes white space at the end of lines and empty lines after empty lines, except in lines that are kept.
func tidy(text []string, kept map[int]bool) []byte {
	var b bytes.Buffer
	empty := false
	for i, line := range text {
		if !kept[i] {
			line = strings.TrimRight(line, " \t")
			if line == "" && empty {
				continue
			}
			empty = line == ""
		} else {
			empty = false
		}
		b.WriteString(line + "\n")
	}
	return b.Bytes()
}

// position is a 0-based line and column, in characters.
type position struct{ line, column int }

// layout knows where keys and dashes stand and where they should.
type layout struct {
	lines []string
	at    map[position]int // the column a key or dash should have
	kept  map[int]bool     // lines inside of values: only moved as a whole
}

// place gives a node that should stand at the column its keys and dashes; parent is the column, in the source, of the
// key or dash that the node belongs to.
func (l *layout) place(n *yaml.Node, column, parent int) {
	block := n.Style&yaml.FlowStyle == 0
	switch {
	case n.Kind == yaml.MappingNode && block:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			l.at[position{key.Line - 1, key.Column - 1}] = column
			inner := column + 2
			if value.Kind == yaml.SequenceNode {
				inner = column
			}
			l.place(value, inner, key.Column-1)
		}
	case n.Kind == yaml.SequenceNode && block:
		for _, item := range n.Content {
			if line, ok := l.dash(item.Line-1, n.Column-1); ok {
				l.at[position{line, n.Column - 1}] = column
			}
			l.place(item, column+2, n.Column-1)
		}
	case n.Kind == yaml.ScalarNode:
		l.keep(n, parent)
	}
}

// dash finds the line of the dash at a column that introduces an item that starts on a line.
func (l *layout) dash(line, column int) (int, bool) {
	for i := min(line, len(l.lines)-1); i >= 0; i-- {
		if text := []rune(l.lines[i]); column < len(text) && text[column] == '-' {
			return i, true
		}
		if text := strings.TrimSpace(l.lines[i]); i < line && text != "" && text[0] != '#' {
			break
		}
	}
	return 0, false
}

// keep notes the further lines of a scalar.
func (l *layout) keep(n *yaml.Node, parent int) {
	first := n.Line - 1
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		last := first
		for i := first + 1; i < len(l.lines); i++ {
			if strings.TrimSpace(l.lines[i]) == "" {
				continue
			}
			if indentation(l.lines[i]) <= max(parent, 0) && parent >= 0 {
				break
			}
			last = i
		}
		for i := first + 1; i <= last; i++ {
			l.kept[i] = true
		}
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		text := strings.Join(l.lines[first:], "\n")
		start := 0
		for range n.Column - 1 {
			_, size := utf8.DecodeRuneInString(text[start:])
			start += size
		}
		end := scalarEnd([]byte(text), start, n)
		for i := first + 1; i <= first+strings.Count(text[:min(end, len(text))], "\n"); i++ {
			l.kept[i] = true
		}
	}
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// rewrite moves the lines.
func (l *layout) rewrite() []string {
	out := make([]string, len(l.lines))
	shift, column := 0, 0 // of the last line with a key or a dash
	for i, line := range l.lines {
		text := strings.TrimLeft(line, " ")
		indent := len(line) - len(text)
		to, known := l.at[position{i, indent}]
		switch {
		case text == "" && !l.kept[i]:
		case known && !l.kept[i]:
			shift, column = to-indent, indent
			out[i] = strings.Repeat(" ", to) + l.afterDashes(text, i, indent, to)
		case isMarker([]byte(line), "---") || isMarker([]byte(line), "...") || strings.HasPrefix(line, "%"):
			out[i] = line
		case strings.HasPrefix(text, "#") && !l.kept[i]:
			out[i] = strings.Repeat(" ", l.commentColumn(i, indent, column, shift)) + text
		case text == "":
		default:
			out[i] = strings.Repeat(" ", max(indent+shift, 0)) + text
		}
	}
	return out
}

// afterDashes closes up what follows the dashes at the start of a line: "-   a: b" becomes "- a: b".
func (l *layout) afterDashes(text string, line, column, to int) string {
	if !strings.HasPrefix(text, "- ") {
		return text
	}
	rest := strings.TrimLeft(text[1:], " ")
	next := column + len(text) - len(rest)
	if inner, ok := l.at[position{line, next}]; ok && inner == to+2 {
		rest = l.afterDashes(rest, line, next, inner)
	}
	return "- " + rest
}

// commentColumn is where a comment on a line of its own goes: above what it stands above, unless it is indented like what
// is before it (at column, moved by shift) and what follows is further out.
func (l *layout) commentColumn(line, indent, column, shift int) int {
	for i := line + 1; i < len(l.lines); i++ {
		text := strings.TrimLeft(l.lines[i], " ")
		if text == "" || text[0] == '#' {
			continue
		}
		at := len(l.lines[i]) - len(text)
		to, ok := l.at[position{i, at}]
		if ok && (at == indent || at < indent && column <= at) {
			return to
		}
		break
	}
	return max(indent+shift, 0)
}

// sameContent compares values and comments, in their order. Where a comment is attached may change with the layout.
func sameContent(a, b *yaml.Node) bool {
	var was, is []string
	var walk func(n *yaml.Node, to *[]string, comments *[]string)
	walk = func(n *yaml.Node, to, comments *[]string) {
		if n == nil {
			return
		}
		*to = append(*to, string(rune('0'+n.Kind)), n.Tag, n.Value, n.Anchor)
		*comments = append(*comments, n.HeadComment)
		*comments = append(*comments, n.LineComment)
		for _, c := range n.Content {
			walk(c, to, comments)
		}
		*comments = append(*comments, n.FootComment)
		*to = append(*to, "end")
	}
	var commentsWas, commentsIs []string
	walk(a, &was, &commentsWas)
	walk(b, &is, &commentsIs)
	return strings.Join(was, "\x00") == strings.Join(is, "\x00") && words(commentsWas) == words(commentsIs)
}

func words(comments []string) string {
	return strings.Join(strings.Fields(strings.Join(comments, "\n")), " ")
}
