package store

import (
	"fmt"

	"github.com/hashicorp/go-memdb"

	"rampart/model"
)

// The one table and its index. Kinds, and namespaces within a kind, are prefixes of the id. What else is looked up is looked
// up seldom, and an index costs memory and time at every change: a network set of a hundred thousand prefixes would have as
// many entries.
const (
	table   = "resource"
	indexID = "id"

	// prefixOf turns an index into its prefix form.
	prefixOf = "_prefix"
)

// schema is what memdb is told; it never changes.
func schema() *memdb.DBSchema {
	return &memdb.DBSchema{Tables: map[string]*memdb.TableSchema{
		table: {
			Name: table,
			Indexes: map[string]*memdb.IndexSchema{
				indexID: {Name: indexID, Unique: true, Indexer: keyIndex{}},
			},
		},
	}}
}

// terminated joins words, each followed by a zero byte, so that no word is a prefix of another.
func terminated(words ...string) []byte {
	n := 0
	for _, w := range words {
		n += len(w) + 1
	}
	b := make([]byte, 0, n)
	for _, w := range words {
		b = append(b, w...)
		b = append(b, 0)
	}
	return b
}

func stringArgs(args []any) ([]byte, error) {
	words := make([]string, len(args))
	for i, a := range args {
		s, ok := a.(string)
		if !ok {
			return nil, fmt.Errorf("argument %d is a %T, want a string", i, a)
		}
		words[i] = s
	}
	return terminated(words...), nil
}

// keyIndex orders resources by kind, namespace and name.
type keyIndex struct{}

func (keyIndex) FromObject(obj any) (bool, []byte, error) {
	k := obj.(model.Resource).Key()
	return true, terminated(string(k.Kind), k.Namespace, k.Name), nil
}
func (keyIndex) FromArgs(args ...any) ([]byte, error)       { return stringArgs(args) }
func (keyIndex) PrefixFromArgs(args ...any) ([]byte, error) { return stringArgs(args) }
