package conf

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"rampart/conf/tree"
	"rampart/model"
)

// Most changes of a long network set are some lines more or less of a list that has a net on each line. Of such a file the
// bytes are kept, and where these lines are. When the next version differs in nothing but whole lines of the same form, only
// those are read, and the rest of the file is what it was. All else is left to decoding, so what is wrong with a file is
// always told by that.

// minLongList is from how many nets on that is worth its memory, which is about a third of what the nets take.
const minLongList = 1000

// longList is a file whose last resource is a network set with a long list.
type longList struct {
	src  []byte
	runs []run
}

// run is a piece of the file that has a net on each line, all in one form.
type run struct {
	start, end int // of whole lines
	first, n   int // which nets of the set
	form       lineForm
}

// lineForm is what a line has beside its net: "    - " and nothing, or `  "` and `",`. Behind it may be a comment.
type lineForm struct{ before, after string }

// longListOf finds the lines of a network set's list, given the resource's tree; nil when it has no long list written in
// lines.
func longListOf(n *tree.Node) *longList {
	spec := n.Field("spec")
	if spec == nil || spec.Value.Kind != tree.Map {
		return nil
	}
	nets := spec.Value.Field("nets")
	if nets == nil || nets.Value.Kind != tree.List || len(nets.Value.Items) < minLongList {
		return nil
	}
	l := &longList{src: n.File.Src}
	if !n.File.Snake && mayAlias(l.src) {
		return nil // it may stand for the list in a second place
	}
	for i, item := range nets.Value.Items {
		// What is computed, or has an escape, has other text than the file has there.
		if item.Kind != tree.String || item.Start < 0 || item.End > len(l.src) || item.Start >= item.End {
			continue
		}
		start := bytes.LastIndexByte(l.src[:item.Start], '\n') + 1
		line, ok := wholeLine(l.src[start:])
		if !ok {
			continue
		}
		form, text, ok := netLine(line)
		if !ok || text != item.Text || item.Start-start != len(form.before)-quotes(form) {
			continue
		}
		end := start + len(line) + 1
		if k := len(l.runs) - 1; k >= 0 && l.runs[k].end == start && l.runs[k].first+l.runs[k].n == i && l.runs[k].form == form {
			l.runs[k].end, l.runs[k].n = end, l.runs[k].n+1
			continue
		}
		l.runs = append(l.runs, run{start, end, i, 1, form})
	}
	if l.runs = slices.DeleteFunc(l.runs, func(r run) bool { return r.n < 2 }); len(l.runs) == 0 {
		return nil
	}
	return l
}

// mayAlias tells whether YAML may hold an alias: *name where a value may begin.
func mayAlias(src []byte) bool {
	for i := 0; ; i++ {
		j := bytes.IndexByte(src[i:], '*')
		if j < 0 {
			return false
		}
		i += j
		begins := i == 0 || bytes.IndexByte([]byte(" \t\n-,[{:?"), src[i-1]) >= 0
		if begins && i+1 < len(src) && bytes.IndexByte([]byte(" \t\n'\""), src[i+1]) < 0 {
			return true
		}
	}
}

// wholeLine is the first line without its end; ok is false when it has none.
func wholeLine(src []byte) (line []byte, ok bool) {
	i := bytes.IndexByte(src, '\n')
	if i < 0 {
		return nil, false
	}
	return src[:i], true
}

// quotes is whether the net of a form is in quotes, which a node's place includes.
func quotes(f lineForm) int {
	if last := f.before[len(f.before)-1]; last == '"' || last == '\'' {
		return 1
	}
	return 0
}

// netLine takes a line of a list apart. ok is false unless it is an item of a list in lines, by itself and beyond doubt.
func netLine(line []byte) (form lineForm, text string, ok bool) {
	at := indented(line, 0)
	if at < len(line) && line[at] == '-' {
		next := indented(line, at+1)
		if next == at+1 {
			return form, "", false
		}
		at = next
	} else if at == 0 {
		return form, "", false
	}
	quote := byte(0)
	if at < len(line) && (line[at] == '"' || line[at] == '\'') {
		quote = line[at]
		at++
	}
	end := at
	for end < len(line) && isNetByte(line[end]) {
		end++
	}
	rest := end
	if quote != 0 {
		if rest == len(line) || line[rest] != quote {
			return form, "", false
		}
		rest++
	}
	if rest < len(line) && line[rest] == ',' {
		rest++
	}
	form, text = lineForm{string(line[:at]), string(line[end:rest])}, string(line[at:end])
	if quote == 0 && !plainNet(text) || !isComment(line[rest:]) {
		return form, "", false
	}
	return form, text, text != ""
}

// indented is where the blanks that begin at i end.
func indented(line []byte, i int) int {
	for i < len(line) && line[i] == ' ' {
		i++
	}
	return i
}

func isNetByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == '.' || c == ':' || c == '/'
}

// plainNet tells whether YAML takes the text without quotes for text: numbers have no slash and no two points, and keys end
// with a colon.
func plainNet(text string) bool {
	dots, slash := 0, false
	for i := range len(text) {
		switch text[i] {
		case '.':
			dots++
		case '/':
			slash = true
		}
	}
	first, last := text[:min(1, len(text))], text[max(0, len(text)-1):]
	return (slash || dots > 1) && first != ":" && first != "." && first != "/" && last != ":"
}

// isComment tells whether the rest of a line is nothing, or a comment that is beyond doubt in YAML and HCL.
func isComment(rest []byte) bool {
	at := indented(rest, 0)
	if at == len(rest) {
		return at == 0
	}
	if at == 0 || rest[at] != '#' || !utf8.Valid(rest) {
		return false
	}
	return !slices.ContainsFunc(rest, func(c byte) bool { return c < ' ' || c >= 0x7f })
}

// maxReplaced is up to how many bytes of lines are read by themselves.
const maxReplaced = 64 << 10

// edited is the next version of a file, if that differs from the last in lines of its long list alone. Otherwise it is nil.
func (f *loadedFile) edited(in *input) *loadedFile {
	if f == nil || f.long == nil || len(f.diags) > 0 || len(in.src) > MaxFileSize {
		return nil
	}
	old, new := f.long.src, in.src
	start, end := differingLines(old, new)
	shift := len(new) - len(old)
	i := slices.IndexFunc(f.long.runs, func(r run) bool { return r.start <= start && end <= r.end })
	if i < 0 || end-start > maxReplaced || end+shift-start > maxReplaced {
		return nil
	}
	runs := slices.Clone(f.long.runs)
	r := &runs[i]
	at := r.first + bytes.Count(old[r.start:start], []byte{'\n'})
	gone := bytes.Count(old[start:end], []byte{'\n'})
	json := formatOf(in.name, new) == FormatJSON // has no comments
	var come []model.Net
	for lines := new[start : end+shift]; len(lines) > 0; {
		line, _ := wholeLine(lines)
		lines = lines[len(line)+1:]
		form, text, ok := netLine(line)
		if !ok || form != r.form || json && line[len(line)-1] != ',' {
			return nil
		}
		n, err := model.ParseNet(text)
		if err != nil || n.Prefix != n.Masked() {
			return nil
		}
		come = append(come, n)
	}
	more := len(come) - gone
	if r.n+more < 1 {
		return nil
	}
	r.end, r.n = r.end+shift, r.n+more
	for k := i + 1; k < len(runs); k++ {
		runs[k].start, runs[k].end, runs[k].first = runs[k].start+shift, runs[k].end+shift, runs[k].first+more
	}
	last := len(f.resources) - 1
	set := *f.resources[last].(*model.NetworkSet)
	set.Spec.Nets = slices.Concat(set.Spec.Nets[:at], come, set.Spec.Nets[at+gone:])
	next := *f
	next.sum, next.long = in.sum, &longList{new, runs}
	next.resources = append(slices.Clone(f.resources[:last]), &set)
	if n := len(f.parts); n > 0 {
		next.parts = slices.Clone(f.parts)
		next.parts[n-1].doc.End += shift
	}
	return &next
}

// differingLines are the lines, from start up to end in old, that stand where new has others: as few as that takes. The
// lines of new end as far from its end.
func differingLines(old, new []byte) (start, end int) {
	same := commonPrefix(old, new)
	start = bytes.LastIndexByte(old[:same], '\n') + 1
	end = len(old) - commonSuffix(old[same:], new[same:])
	if shift := len(new) - len(old); !endsLine(old, start, end) || !endsLine(new, start, end+shift) {
		if i := bytes.IndexByte(old[end:], '\n'); i >= 0 {
			end += i + 1
		} else {
			end = len(old)
		}
	}
	return start, end
}

// endsLine tells whether a line that begins at start, or another after it, ends at end.
func endsLine(src []byte, start, end int) bool { return end == start || src[end-1] == '\n' }

// block is how many bytes are compared at once.
const block = 4096

func commonPrefix(a, b []byte) (n int) {
	most := min(len(a), len(b))
	for n+block <= most && bytes.Equal(a[n:n+block], b[n:n+block]) {
		n += block
	}
	for n < most && a[n] == b[n] {
		n++
	}
	return n
}

func commonSuffix(a, b []byte) (n int) {
	most := min(len(a), len(b))
	for n+block <= most && bytes.Equal(a[len(a)-n-block:len(a)-n], b[len(b)-n-block:len(b)-n]) {
		n += block
	}
	for n < most && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}
