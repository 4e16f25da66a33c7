package conf

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"

	"rampart/conf/tree"
	"rampart/conf/yaml"
	"rampart/model"
)

// loadedFile is one decoded file.
type loadedFile struct {
	name      string
	sum       sum
	resources []model.Resource
	diags     hcl.Diagnostics
	// documents are the YAML documents without diagnostics, for the next version of the file; nil when there is one only.
	documents map[documentKey][]model.Resource
	// long is set when the last resource has a long list.
	long *longList
	// parts say which bytes the resources come from, in order: the documents of a YAML file; nil stands for the whole file.
	parts []part
}

// part is a piece of a file that can be decoded by itself, and how many resources it holds.
type part struct {
	doc       yaml.Document
	resources int
}

// documentKey identifies a document by content and, because origins name lines, by its first line.
type documentKey struct {
	hash [sha256.Size]byte
	line int
}

// loadFile decodes a file, taking over unchanged documents of its previous version, which may be nil.
func loadFile(in *input, previous *loadedFile) *loadedFile {
	if f := previous.edited(in); f != nil {
		return f
	}
	f := &loadedFile{name: in.name, sum: in.sum}
	if len(in.src) == 0 && in.name != Stdin {
		f.diags = hcl.Diagnostics{emptyFile(in.name)}
		return f
	}
	d := &fileDecoder{}
	if formatOf(in.name, in.src) == FormatYAML {
		if file, ok := d.open(in.name, in.src); ok {
			f.decodeDocuments(d, file, previous)
			d.diags = finish(file, d.diags)
		}
	} else {
		d.decode(in.name, in.src)
	}
	f.resources, f.diags = d.resources, d.diags
	if f.long = d.long; f.long != nil && len(f.long.src) != len(in.src) {
		f.long = nil // a byte order mark is in front
	}
	return f
}

// emptyFile says that a file has no content. A disk that was full when it was written leaves such files, and what they held
// before would be no policy any more.
func emptyFile(name string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Empty file",
		Detail:  fmt.Sprintf("%s has no content, as if writing it had failed. If it is to hold no resources, leave a comment in it.", name),
		Subject: &hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos}}
}

// decodeDocuments decodes the documents of a YAML file in parallel.
func (f *loadedFile) decodeDocuments(d *fileDecoder, file *tree.File, previous *loadedFile) {
	docs := yaml.Documents(file)
	if len(docs) == 1 {
		d.document(file, docs[0])
		return
	}
	results := make([]fileDecoder, len(docs))
	keys := make([]documentKey, len(docs))
	forEach(len(docs), func(i int) {
		doc := docs[i]
		keys[i] = documentKey{sha256.Sum256(file.Src[doc.Start:doc.End]), file.Line(doc.Start)}
		if previous != nil {
			if have, ok := previous.documents[keys[i]]; ok {
				results[i].resources = have
				return
			}
		}
		results[i].document(file, doc)
	})
	f.documents = make(map[documentKey][]model.Resource, len(docs))
	f.parts = make([]part, 0, len(docs))
	for i := range results {
		d.resources = append(d.resources, results[i].resources...)
		d.diags, d.long = append(d.diags, results[i].diags...), results[i].long
		f.parts = append(f.parts, part{doc: docs[i], resources: len(results[i].resources)})
		if len(results[i].diags) == 0 {
			f.documents[keys[i]] = results[i].resources
		}
	}
}

// forEach calls do(0) … do(n-1) on all processors and returns when all are done.
func forEach(n int, do func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		for i := range n {
			do(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}
