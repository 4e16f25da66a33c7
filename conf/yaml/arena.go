package yaml

import (
	"github.com/hashicorp/hcl/v2"

	"rampart/conf/tree"
)

// Parser reads documents one after the other, each into the memory of the one before: a tree is of use until its resources
// have been decoded, and there may be ten thousand files. The zero Parser is ready for use, by one goroutine at a time.
type Parser struct{ arena arena }

// ParseDocument is the function of that name, but the tree is good only until the next call.
func (p *Parser) ParseDocument(f *tree.File, doc Document) (*tree.Node, hcl.Diagnostics) {
	p.arena.reset()
	if root, ok := parsePlain(f, doc, &p.arena); ok {
		return root, nil
	}
	return parseWhole(f, doc)
}

// arena is the memory of a tree. What is found of mappings and sequences that have not ended yet is kept on two stacks.
type arena struct {
	nodes      slab[tree.Node]
	fields     slab[tree.Field]
	items      slab[*tree.Node]
	openFields []tree.Field
	openItems  []*tree.Node
}

func (a *arena) reset() {
	a.nodes.reset()
	a.fields.reset()
	a.items.reset()
	a.openFields, a.openItems = emptied(a.openFields), emptied(a.openItems)
}

// slab hands out pieces of a block of zeroes. When the block is full there is another one, and the pieces of the full one are
// kept by who has them.
type slab[T any] struct{ free, block []T }

// slabSize is how many a block has, enough for the document of an endpoint. Larger ones, which long lists take, are not kept.
const slabSize = 64

func (s *slab[T]) take(n int) []T {
	if len(s.free) < n {
		s.block = make([]T, max(n, slabSize))
		s.free = s.block
	}
	piece := s.free[:n:n]
	s.free = s.free[n:]
	return piece
}

// keep takes a copy.
func (s *slab[T]) keep(list []T) []T {
	piece := s.take(len(list))
	copy(piece, list)
	return piece
}

func (s *slab[T]) reset() {
	used := s.block[:len(s.block)-len(s.free)]
	clear(used)
	if s.free = s.block; len(s.block) > slabSize {
		*s = slab[T]{}
	}
}

// emptied makes a stack empty that may have been left at an error.
func emptied[T any](stack []T) []T {
	stack = stack[:cap(stack)]
	if len(stack) > slabSize {
		return nil
	}
	clear(stack)
	return stack[:0]
}
