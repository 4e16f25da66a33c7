package schema

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"rampart/conf/tree"
	"rampart/model"
)

// codec decodes and encodes the values of one Go type.
type codec interface {
	// decode sets v from n, which is not Null, or reports why it cannot.
	decode(d *decoder, n *tree.Node, v reflect.Value)
	// encode builds the node of v.
	encode(e encoder, v reflect.Value) *tree.Node
	// wants says what the type accepts, with an article.
	wants() string
}

var codecs sync.Map // reflect.Type to codec

// codecOf builds the codec of a type once. The types are fixed at compile time: an unsupported one is a bug.
func codecOf(t reflect.Type) codec {
	if c, ok := codecs.Load(t); ok {
		return c.(codec)
	}
	c, _ := codecs.LoadOrStore(t, newCodec(t))
	return c.(codec)
}

var (
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	originType   = reflect.TypeFor[model.Origin]()
	durationType = reflect.TypeFor[time.Duration]()
)

func newCodec(t reflect.Type) codec {
	switch {
	case reflect.PointerTo(t).Implements(textType):
		return newTextCodec(t)
	case t == durationType:
		return durationCodec{}
	}
	switch t.Kind() {
	case reflect.String:
		return stringCodec{}
	case reflect.Bool:
		return boolCodec{}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return intCodec{t}
	case reflect.Float64:
		return floatCodec{}
	case reflect.Pointer:
		return pointerCodec{codecOf(t.Elem()), t.Elem()}
	case reflect.Slice:
		return listCodec{codecOf(t.Elem())}
	case reflect.Map:
		if t.Key().Kind() == reflect.String && t.Elem().Kind() == reflect.String {
			return mapCodec{}
		}
	case reflect.Struct:
		return newStructCodec(t)
	}
	panic(fmt.Sprintf("schema: unsupported type %s", t))
}

// field is one field of a struct.
type field struct {
	json, snake string
	ordinal     int // among the fields of its struct
	index       []int
	codec       codec
	kinds       []model.Kind // nil: every kind
	required    bool
	omit        bool // left out when empty
}

func (f *field) name(snake bool) string {
	if snake {
		return f.snake
	}
	return f.json
}

func (f *field) allowedIn(k model.Kind) bool {
	if f.kinds == nil || k == "" {
		return true
	}
	for _, allowed := range f.kinds {
		if allowed == k {
			return true
		}
	}
	return false
}

// structCodec is a struct with its fields in declaration order; embedded structs are flattened.
type structCodec struct {
	fields          []*field
	byJSON, bySnake map[string]*field
	origin          []int // index of the Origin field, nil without one
	of              reflect.Type
}

func newStructCodec(t reflect.Type) *structCodec {
	s := &structCodec{byJSON: map[string]*field{}, bySnake: map[string]*field{}, of: t}
	s.add(t, nil)
	for _, f := range s.fields {
		s.byJSON[f.json], s.bySnake[f.snake] = f, f
	}
	return s
}

func (s *structCodec) add(t reflect.Type, at []int) {
	for i := range t.NumField() {
		sf := t.Field(i)
		index := append(append([]int(nil), at...), i)
		if sf.Anonymous && sf.Type.Kind() == reflect.Struct && sf.Tag.Get("json") == "" {
			s.add(sf.Type, index)
			continue
		}
		if sf.Type == originType && sf.Tag.Get("json") == "-" {
			s.origin = index
			continue
		}
		name, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if name == "" || name == "-" || !sf.IsExported() {
			continue
		}
		f := &field{json: name, snake: Snake(name), ordinal: len(s.fields), index: index, codec: codecOf(sf.Type)}
		f.omit = strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		if _, nested := f.codec.(*structCodec); !nested {
			f.required = !f.omit
		}
		if kinds := sf.Tag.Get("kinds"); kinds != "" {
			for k := range strings.SplitSeq(kinds, ",") {
				f.kinds = append(f.kinds, model.Kind(k))
			}
		}
		s.fields = append(s.fields, f)
	}
}

func (s *structCodec) lookup(name string, snake bool) *field {
	if snake {
		return s.bySnake[name]
	}
	return s.byJSON[name]
}

// names are the fields that exist for a kind.
func (s *structCodec) names(snake bool, k model.Kind) []string {
	var names []string
	for _, f := range s.fields {
		if f.allowedIn(k) {
			names = append(names, f.name(snake))
		}
	}
	return names
}
