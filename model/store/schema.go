package store

import (
	"fmt"
	"net/netip"

	"github.com/hashicorp/go-memdb"

	"rampart/model"
)

// The one table and its indexes. Kinds, and namespaces within a kind, are prefixes of the id.
const (
	table          = "resource"
	indexID        = "id"
	indexName      = "name"
	indexNamespace = "namespace"
	indexLabel     = "label"
	indexAddress   = "address"

	// prefixOf turns an index into its prefix form.
	prefixOf = "_prefix"
)

// schema is what memdb is told; it never changes.
func schema() *memdb.DBSchema {
	return &memdb.DBSchema{Tables: map[string]*memdb.TableSchema{
		table: {
			Name: table,
			Indexes: map[string]*memdb.IndexSchema{
				indexID:        {Name: indexID, Unique: true, Indexer: keyIndex{}},
				indexName:      {Name: indexName, Indexer: nameIndex{}},
				indexNamespace: {Name: indexNamespace, AllowMissing: true, Indexer: namespaceIndex{}},
				indexLabel:     {Name: indexLabel, AllowMissing: true, Indexer: labelIndex{}},
				indexAddress:   {Name: indexAddress, AllowMissing: true, Indexer: addressIndex{}},
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

// nameIndex finds resources of any kind and namespace by name.
type nameIndex struct{}

func (nameIndex) FromObject(obj any) (bool, []byte, error) {
	return true, terminated(obj.(model.Resource).Key().Name), nil
}
func (nameIndex) FromArgs(args ...any) ([]byte, error) { return stringArgs(args) }

// namespaceIndex finds the resources of a namespace, of all kinds.
type namespaceIndex struct{}

func (namespaceIndex) FromObject(obj any) (bool, []byte, error) {
	ns := obj.(model.Resource).Key().Namespace
	return ns != "", terminated(ns), nil
}
func (namespaceIndex) FromArgs(args ...any) ([]byte, error) { return stringArgs(args) }

// labelIndex holds "key, value" for every label a resource has itself; its prefix form finds a key with any value.
type labelIndex struct{}

func (labelIndex) FromObject(obj any) (bool, [][]byte, error) {
	labels := obj.(model.Resource).Meta().Labels
	out := make([][]byte, 0, len(labels))
	for k, v := range labels {
		out = append(out, terminated(k, v))
	}
	return len(out) > 0, out, nil
}
func (labelIndex) FromArgs(args ...any) ([]byte, error)       { return stringArgs(args) }
func (labelIndex) PrefixFromArgs(args ...any) ([]byte, error) { return stringArgs(args) }

// addressIndex holds the prefixes of endpoints and network sets: family, masked address, length.
type addressIndex struct{}

func (addressIndex) FromObject(obj any) (bool, [][]byte, error) {
	var out [][]byte
	for p := range Prefixes(obj.(model.Resource)) {
		out = append(out, prefixBytes(p))
	}
	return len(out) > 0, out, nil
}

func (addressIndex) FromArgs(args ...any) ([]byte, error) {
	if len(args) == 1 {
		if p, ok := args[0].(netip.Prefix); ok {
			return prefixBytes(p.Masked()), nil
		}
	}
	return nil, fmt.Errorf("an address look-up takes one netip.Prefix, not %v", args)
}

// prefixBytes has a fixed length per family, so no entry is a prefix of another.
func prefixBytes(p netip.Prefix) []byte {
	b := make([]byte, 0, 18)
	b = append(b, byte(p.Addr().BitLen()))
	b = append(b, p.Addr().AsSlice()...)
	return append(b, byte(p.Bits()))
}
