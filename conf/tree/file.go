package tree

import (
	"bytes"
	"sort"
	"sync"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// File is one parsed file: its name as the user gave it and its bytes, which must not change afterwards.
type File struct {
	Name string
	Src  []byte
	// Snake tells that fields are written in snake_case, as in HCL, and not as in the JSON form.
	Snake bool

	once  sync.Once
	lines []int // byte offset of each line's first byte
	// further[i] is how many of the first i*stride bytes are not the first of a character; nil when all are.
	further []int
}

const stride = 256

// NewFile names some bytes.
func NewFile(name string, src []byte) *File { return &File{Name: name, Src: src} }

// index finds lines and characters, once: files have thousands of lines, and sometimes one line of megabytes.
func (f *File) index() []int {
	f.once.Do(func() {
		f.lines = make([]int, 1, 1+bytes.Count(f.Src, []byte{'\n'}))
		for i := 0; ; {
			j := bytes.IndexByte(f.Src[i:], '\n')
			if j < 0 {
				break
			}
			i += j + 1
			f.lines = append(f.lines, i)
		}
		n, count := 0, make([]int, 0, len(f.Src)/stride+1)
		for i, c := range f.Src {
			if i%stride == 0 {
				count = append(count, n)
			}
			if !utf8.RuneStart(c) {
				n++
			}
		}
		if n > 0 {
			f.further = count
		}
	})
	return f.lines
}

// characters counts the characters from start up to, not including, end.
func (f *File) characters(start, end int) int {
	return end - start - (f.furtherUpTo(end) - f.furtherUpTo(start))
}

func (f *File) furtherUpTo(offset int) int {
	if f.further == nil || offset == 0 {
		return 0
	}
	i := (offset - 1) / stride
	n := f.further[i]
	for _, c := range f.Src[i*stride : offset] {
		if !utf8.RuneStart(c) {
			n++
		}
	}
	return n
}

// Line is the 1-based line that holds the byte at offset.
func (f *File) Line(offset int) int {
	return sort.SearchInts(f.index(), offset+1)
}

// Pos turns a byte offset into a position. Columns count characters (Unicode code points).
func (f *File) Pos(offset int) hcl.Pos {
	offset = max(0, min(offset, len(f.Src)))
	line := f.Line(offset)
	start := f.lines[line-1]
	return hcl.Pos{Line: line, Column: f.characters(start, offset) + 1, Byte: offset}
}

// Range is the piece of the file from start up to, not including, end.
func (f *File) Range(start, end int) hcl.Range {
	return hcl.Range{Filename: f.Name, Start: f.Pos(start), End: f.Pos(max(start, end))}
}

// LineEnd is the offset of the end of the line that holds offset, without the line break and trailing blanks.
func (f *File) LineEnd(offset int) int {
	end := len(f.Src)
	if j := bytes.IndexByte(f.Src[offset:], '\n'); j >= 0 {
		end = offset + j
	}
	return offset + len(bytes.TrimRight(f.Src[offset:end], " \t\r"))
}

// Window is the part of a line, at most width characters, that shows the 1-based column, and the column it starts at.
// Lines that are not longer are whole. A line the file does not have is empty.
func (f *File) Window(line, column, width int) (text string, from int) {
	lines := f.index()
	if line < 1 || line > len(lines) {
		return "", 1
	}
	start, end := lines[line-1], len(f.Src)
	if line < len(lines) {
		end = lines[line] - 1
	}
	end = start + len(bytes.TrimRight(f.Src[start:end], " \t\r"))
	total := f.characters(start, end)
	from = 1
	if total > width {
		from = max(1, min(column-width/3, total-width+1))
	}
	at := f.forward(start, from-1)
	return string(f.Src[at:min(end, f.forward(at, width))]), from
}

// forward moves over n characters.
func (f *File) forward(at, n int) int {
	if f.further == nil {
		return min(at+n, len(f.Src))
	}
	for ; n > 0 && at < len(f.Src); n-- {
		_, size := utf8.DecodeRune(f.Src[at:])
		at += size
	}
	return at
}
