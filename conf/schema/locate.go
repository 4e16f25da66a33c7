package schema

import (
	"reflect"
	"strconv"
	"strings"

	"rampart/conf/tree"
)

// Locate finds the node that a JSON path such as spec.ingress[0].source.nets[1] leads to. Where the path goes further
// than the tree, it is the last node on the way, and exact is false; field is then the last field that was found, nil
// for none. Keys of free-form maps may be written after a dot or in brackets.
func Locate(root *tree.Node, path string) (n *tree.Node, field *tree.Field, exact bool) {
	n = root
	for path != "" {
		path = strings.TrimPrefix(path, ".")
		if n.Kind == tree.List && strings.HasPrefix(path, "[") {
			end := strings.IndexByte(path, ']')
			i, err := strconv.Atoi(path[1:max(end, 1)])
			if err != nil || i < 0 || i >= len(n.Items) {
				return n, field, false
			}
			n, path = n.Items[i], path[end+1:]
			continue
		}
		inner := n.Single()
		f, rest := nextField(inner, path)
		if f == nil {
			return inner, field, false
		}
		n, field, path = f.Value, f, rest
	}
	return n, field, true
}

// nextField takes the longest field name off the front of a path.
func nextField(n *tree.Node, path string) (best *tree.Field, rest string) {
	if n.Kind != tree.Map {
		return nil, ""
	}
	for i := range n.Fields {
		f := &n.Fields[i]
		for _, form := range []string{f.Name, "[" + f.Name + "]", "[" + strconv.Quote(f.Name) + "]"} {
			tail, ok := strings.CutPrefix(path, form)
			if !ok && n.File.Snake && form == f.Name {
				name := path
				if i := strings.IndexAny(path, ".["); i >= 0 {
					name = path[:i]
				}
				tail, ok = path[len(name):], Snake(name) == f.Name
			}
			if ok && (tail == "" || tail[0] == '.' || tail[0] == '[') && (best == nil || len(tail) < len(rest)) {
				best, rest = f, tail
			}
		}
	}
	return best, rest
}

func structOfValue(sample any) *structCodec {
	t := reflect.TypeOf(sample)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return codecOf(t).(*structCodec)
}
