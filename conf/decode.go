package conf

import (
	"bytes"
	"sync"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"

	"rampart/conf/json"
	"rampart/conf/tree"
	"rampart/conf/yaml"
	"rampart/model"
)

// MaxFileSize bounds a configuration file, in bytes.
const MaxFileSize = 128 << 20

// Decode reads the resources of one file. The name decides the format by its extension (else the content does) and is
// the file of every Origin. Resources that have errors are among the results, as far as they could be read: use them
// only when the diagnostics have no errors.
func Decode(name string, src []byte) ([]model.Resource, hcl.Diagnostics) {
	d := &fileDecoder{}
	d.decode(name, src)
	return d.resources, d.diags
}

// fileDecoder collects the resources and diagnostics of one file or of a part of it.
type fileDecoder struct {
	resources []model.Resource
	diags     hcl.Diagnostics
	// keepTrees also keeps, per resource, the tree it was decoded from.
	keepTrees bool
	trees     []*tree.Node
	// long is the last resource's long list, nil when it has none.
	long *longList
}

func (d *fileDecoder) fail(r hcl.Range, summary, detail string, args ...any) {
	d.diags = append(d.diags, diagnostic(hcl.DiagError, r, summary, detail, args...))
}

func (d *fileDecoder) warn(r hcl.Range, summary, detail string, args ...any) {
	d.diags = append(d.diags, diagnostic(hcl.DiagWarning, r, summary, detail, args...))
}

func (d *fileDecoder) decode(name string, src []byte) {
	f, ok := d.open(name, src)
	if !ok {
		return
	}
	switch formatOf(name, f.Src) {
	case FormatJSON:
		roots, diags := json.Parse(f)
		d.diags = append(d.diags, diags...)
		for _, root := range roots {
			d.manifests(root, nil)
		}
	case FormatHCL:
		d.blocks(f)
	default:
		for _, doc := range yaml.Documents(f) {
			d.document(f, doc)
		}
	}
	d.diags = finish(f, d.diags)
}

// open makes the tree file of some bytes; not everything can be one.
func (d *fileDecoder) open(name string, src []byte) (*tree.File, bool) {
	f := tree.NewFile(name, bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")))
	if len(src) > MaxFileSize {
		d.fail(f.Range(0, 0), "File too large", "A configuration file may have %d MiB.", MaxFileSize>>20)
		return nil, false
	}
	if !utf8.Valid(f.Src) {
		at := firstInvalid(f.Src)
		d.fail(f.Range(at, at+1), "Not UTF-8", "Configuration is UTF-8 text.")
		return nil, false
	}
	return f, true
}

func firstInvalid(src []byte) int {
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(src)
}

// parsers are those not in use. A tree is not needed once it has been decoded, so the next one takes its place.
var parsers = sync.Pool{New: func() any { return new(yaml.Parser) }}

func (d *fileDecoder) document(f *tree.File, doc yaml.Document) {
	p := parsers.Get().(*yaml.Parser)
	if !d.keepTrees {
		defer parsers.Put(p)
	}
	root, diags := p.ParseDocument(f, doc)
	d.diags = append(d.diags, diags...)
	if root != nil {
		d.manifests(root, nil)
	}
}
