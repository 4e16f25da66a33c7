package tree

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPos(t *testing.T) {
	f := NewFile("f", []byte("ab\n\näö€x\r\nend"))
	for _, tt := range []struct{ offset, line, column int }{
		{0, 1, 1}, {2, 1, 3}, {3, 2, 1}, {4, 3, 1}, {6, 3, 2}, {8, 3, 3}, {11, 3, 4}, {14, 4, 1}, {17, 4, 4}, {99, 4, 4}, {-1, 1, 1},
	} {
		if p := f.Pos(tt.offset); p.Line != tt.line || p.Column != tt.column {
			t.Errorf("offset %d is at %d:%d, want %d:%d", tt.offset, p.Line, p.Column, tt.line, tt.column)
		}
	}
	if p := NewFile("empty", nil).Pos(0); p.Line != 1 || p.Column != 1 {
		t.Errorf("an empty file starts at %+v", p)
	}
}

// TestPosLongLines compares columns in long lines with a plain count.
func TestPosLongLines(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var b strings.Builder
		for range 3000 {
			b.WriteString([]string{"a", "ä", "€", "😀", "\n"}[min(rng.IntN(400), 4)%5])
			b.WriteString([]string{"a", "ä", "€", "😀"}[rng.IntN(4)])
		}
		text := b.String()
		f := NewFile("f", []byte(text))
		for range 100 {
			offset := rng.IntN(len(text) + 1)
			for offset < len(text) && !utf8.RuneStart(text[offset]) {
				offset++
			}
			start := strings.LastIndexByte(text[:offset], '\n') + 1
			want := utf8.RuneCountInString(text[start:offset]) + 1
			if p := f.Pos(offset); p.Column != want || p.Line != strings.Count(text[:offset], "\n")+1 {
				t.Fatalf("offset %d is at %+v, want column %d", offset, p, want)
			}
		}
	}
}

func TestWindow(t *testing.T) {
	long := strings.Repeat("ä", 50) + "HERE" + strings.Repeat("b", 50)
	f := NewFile("f", []byte("short  \r\n"+long+"\n"))
	for _, tt := range []struct {
		line, column, width int
		text                string
		from                int
	}{
		{1, 3, 20, "short", 1}, {2, 51, 30, strings.Repeat("ä", 10) + "HERE" + strings.Repeat("b", 16), 41},
		{2, 1, 10, strings.Repeat("ä", 10), 1}, {2, 104, 10, strings.Repeat("b", 10), 95}, {3, 1, 10, "", 1}, {9, 1, 10, "", 1}, {0, 1, 10, "", 1},
	} {
		if text, from := f.Window(tt.line, tt.column, tt.width); text != tt.text || from != tt.from {
			t.Errorf("window %d of %d:%d is %q from %d, want %q from %d", tt.width, tt.line, tt.column, text, from, tt.text, tt.from)
		}
	}
}

func TestLocate(t *testing.T) {
	for _, tt := range []struct {
		name, src, text string
		column          int
		line, at        int // 0: the whole value
	}{
		{"plain", "x == 'y'", "x == 'y'", 3, 1, 3},
		{"double quotes", `"x == 'y'"`, "x == 'y'", 3, 1, 4},
		{"single quotes", "'x == y'", "x == y", 1, 1, 2},
		{"the end", `"x =="`, "x ==", 5, 1, 6},
		{"folded", ">-\n    a &&\n    b", "a && b", 6, 3, 5},
		{"literal", "|\n    a\n    b\n", "a\nb\n", 3, 3, 5},
		{"plain over lines", "a &&\n   b", "a && b", 6, 2, 4},
		{"empty lines", "|\n  a\n\n\n  b\n", "a\n\n\nb\n", 5, 5, 3},
		{"other alphabets", `"é == ü"`, "é == ü", 6, 1, 7},
		{"before an escape", `"a \"b\""`, `a "b"`, 1, 1, 2},
		{"behind an escape", `"a \"b\""`, `a "b"`, 4, 0, 0},
		{"not there", `"${x}"`, "value", 2, 0, 0},
		{"too far", `"a"`, "a", 5, 0, 0},
	} {
		n := &Node{File: NewFile("f", []byte(tt.src)), Kind: String, Text: tt.text, End: len(tt.src)}
		r, exact := n.Locate(tt.column)
		if exact != (tt.line > 0) {
			t.Errorf("%s: exact is %v", tt.name, exact)
		} else if exact && (r.Start.Line != tt.line || r.Start.Column != tt.at) {
			t.Errorf("%s: column %d is at %d:%d, want %d:%d", tt.name, tt.column, r.Start.Line, r.Start.Column, tt.line, tt.at)
		} else if !exact && r != n.Range() {
			t.Errorf("%s: %v is not the whole value", tt.name, r)
		}
	}
}
