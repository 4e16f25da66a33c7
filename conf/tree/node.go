package tree

import (
	"fmt"
	"strconv"

	"github.com/hashicorp/hcl/v2"
)

// Kind is the type of a node's value.
type Kind uint8

// The kinds of nodes.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Map
	// Invalid stands for a value that could not be computed. That has been reported; decoders pass over it.
	Invalid
)

// Node is a value in a file.
type Node struct {
	File *File
	Kind Kind
	// Plain marks a YAML scalar without quotes, whose type was guessed from its text.
	Plain bool
	// Blocks marks a List that was written as one or more HCL blocks: where a single value is wanted, one block is one.
	// In a tree to be written it also marks a Map that is a block in HCL and not a map of free keys.
	Blocks bool
	// Start and End are byte offsets in File; quotes are included.
	Start, End int
	// Text is a scalar's value: "true" or "false", a number as it was written, a string without quotes and escapes.
	Text string
	// Items of a List.
	Items []*Node
	// Fields of a Map, in source order, names unique.
	Fields []Field
	// Labels of an HCL block, whose body a Map is: the strings between its type and its brace.
	Labels []*Node
}

// Field is a name and its value in a Map.
type Field struct {
	Name string
	// Start and End are the byte offsets of the name.
	Start, End int
	Value      *Node
}

// Range is where the value is written.
func (n *Node) Range() hcl.Range { return n.File.Range(n.Start, n.End) }

// Field finds a field of a Map by the name it is written with, or nil.
func (n *Node) Field(name string) *Field {
	for i := range n.Fields {
		if n.Fields[i].Name == name {
			return &n.Fields[i]
		}
	}
	return nil
}

// Single is the one block of a Blocks list, else the node itself.
func (n *Node) Single() *Node {
	if n.Blocks && len(n.Items) == 1 {
		return n.Items[0]
	}
	return n
}

// Describe says what a node is, for "must be X, not Y" messages.
func (n *Node) Describe() string {
	switch n.Kind {
	case Null:
		return "null"
	case Bool:
		return "the boolean " + n.Text
	case Number:
		return "the number " + shorten(n.Text)
	case String:
		return "the string " + Quote(n.Text)
	case List:
		if n.Blocks {
			return "a block"
		}
		return "a list"
	}
	return "a map"
}

// Quote quotes a value for a message and shortens it when it is long.
func Quote(s string) string { return strconv.Quote(shorten(s)) }

func shorten(s string) string {
	const limit = 60
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	return fmt.Sprintf("%s…", string(r[:limit]))
}
