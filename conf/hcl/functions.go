package hcl

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// functions are those whose result is no larger than their arguments together, computed in about linear time.
var functions = map[string]function.Function{
	"concat":    stdlib.ConcatFunc,
	"flatten":   stdlib.FlattenFunc,
	"join":      joinFunction,
	"keys":      stdlib.KeysFunc,
	"lower":     stdlib.LowerFunc,
	"merge":     stdlib.MergeFunc,
	"sort":      sortFunction,
	"trimspace": stdlib.TrimSpaceFunc,
	"upper":     stdlib.UpperFunc,
	"values":    stdlib.ValuesFunc,
}

// maxJoined bounds how far a separator can multiply, in bytes.
const maxJoined = 1 << 20

// anyList is a parameter for a list. A parameter of a list type would make cty convert tuples, in quadratic time.
var anyList = function.Parameter{Name: "list", Type: cty.DynamicPseudoType}

// joinFunction is join(separator, list...).
var joinFunction = function.New(&function.Spec{
	Params:   []function.Parameter{{Name: "separator", Type: cty.String}},
	VarParam: &anyList,
	Type:     function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		var all []string
		for i, list := range args[1:] {
			texts, err := stringsOf(list, i+1)
			if err != nil {
				return cty.NilVal, err
			}
			all = append(all, texts...)
		}
		separator := args[0].AsString()
		if len(separator)*len(all) > maxJoined {
			return cty.NilVal, function.NewArgErrorf(0, "the separators would take more than %d bytes", maxJoined)
		}
		return cty.StringVal(strings.Join(all, separator)), nil
	},
})

// sortFunction is sort(list): a list of strings in bytewise order.
var sortFunction = function.New(&function.Spec{
	Params: []function.Parameter{anyList},
	Type:   function.StaticReturnType(cty.List(cty.String)),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		texts, err := stringsOf(args[0], 0)
		if err != nil {
			return cty.NilVal, err
		}
		if len(texts) == 0 {
			return cty.ListValEmpty(cty.String), nil
		}
		slices.Sort(texts)
		values := make([]cty.Value, len(texts))
		for i, s := range texts {
			values[i] = cty.StringVal(s)
		}
		return cty.ListVal(values), nil
	},
})

// stringsOf reads the elements of an argument that must be a list of strings, numbers or booleans.
func stringsOf(list cty.Value, arg int) ([]string, error) {
	if t := list.Type(); !t.IsTupleType() && !t.IsListType() && !t.IsSetType() {
		return nil, function.NewArgErrorf(arg, "a list is required")
	}
	var texts []string
	for it := list.ElementIterator(); it.Next(); {
		_, v := it.Element()
		s, err := convert.Convert(v, cty.String)
		if err != nil || s.IsNull() {
			return nil, function.NewArgErrorf(arg, "every element must be a string")
		}
		texts = append(texts, s.AsString())
	}
	return texts, nil
}
