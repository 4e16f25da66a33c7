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
}

// NewFile names some bytes.
func NewFile(name string, src []byte) *File { return &File{Name: name, Src: src} }

func (f *File) index() []int {
	f.once.Do(func() {
		f.lines = make([]int, 1, 1+bytes.Count(f.Src, []byte{'\n'}))
		for i := 0; ; {
			j := bytes.IndexByte(f.Src[i:], '\n')
			if j < 0 {
				return
			}
			i += j + 1
			f.lines = append(f.lines, i)
		}
	})
	return f.lines
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
	return hcl.Pos{Line: line, Column: utf8.RuneCount(f.Src[start:offset]) + 1, Byte: offset}
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

// LineText is the text of a 1-based line without its line break, "" for a line the file does not have.
func (f *File) LineText(line int) string {
	lines := f.index()
	if line < 1 || line > len(lines) {
		return ""
	}
	end := len(f.Src)
	if line < len(lines) {
		end = lines[line] - 1
	}
	return string(bytes.TrimRight(f.Src[lines[line-1]:end], "\r"))
}
