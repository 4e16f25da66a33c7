package conf

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"rampart/conf/tree"
	"rampart/model"
)

// maxCrossWarnings bounds the warnings about how resources fit together; they may come by the thousand.
const maxCrossWarnings = 100

// resourceID tells resources apart that have the same key.
type resourceID struct {
	key    model.Key
	origin model.Origin
}

// resourcePlace says where a resource is among the loaded files.
type resourcePlace struct {
	file  *loadedFile
	index int // among the resources of the file
}

// placesOf finds the resources that findings are about.
func placesOf(files []*loadedFile, findings []model.Finding) map[resourceID]resourcePlace {
	places := make(map[resourceID]resourcePlace, len(findings))
	for _, e := range findings {
		places[resourceID{e.Key, e.Origin}] = resourcePlace{}
	}
	for _, f := range files {
		for i, r := range f.resources {
			id := resourceID{r.Key(), r.Source()}
			if _, wanted := places[id]; wanted {
				places[id] = resourcePlace{f, i}
			}
		}
	}
	return places
}

// crossCheck reports what is wrong between resources. A policy in a tier that does not exist is enforced, last, as
// Calico does it: that is a warning here, and strict in its Note. Content reads a file again.
func crossCheck(files []*loadedFile, content func(*loadedFile) []byte) hcl.Diagnostics {
	var all []model.Resource
	for _, f := range files {
		for _, r := range f.resources {
			if r.Meta().Name != "" { // else it has been reported, and is not a key
				all = append(all, r)
			}
		}
	}
	findings := model.ValidateTogether(all)
	if len(findings) == 0 {
		return nil
	}
	places := placesOf(files, findings)
	var diags hcl.Diagnostics
	warnings := 0
	again := redecoder{content, map[*loadedFile]*tree.File{}, map[partID][]*tree.Node{}}
	for _, e := range findings {
		strict := e.Path == "spec.tier"
		e.Warning = e.Warning || strict
		if e.Warning {
			if warnings++; warnings > maxCrossWarnings {
				continue
			}
		}
		at := places[resourceID{e.Key, e.Origin}]
		note := &Note{Resource: e.Key, Strict: strict}
		root := again.tree(at)
		if root == nil { // the file has changed; it will be read again
			line := hcl.Pos{Line: e.Origin.Line, Column: max(1, e.Origin.Column)}
			root = &tree.Node{File: tree.NewFile(e.Origin.File, nil)}
			d := fieldDiagnostic(root, e.FieldError, note)
			d.Subject = &hcl.Range{Filename: e.Origin.File, Start: line, End: line}
			diags = append(diags, named(d, e.Path))
			continue
		}
		d := named(fieldDiagnostic(root, e.FieldError, note), e.Path)
		attachExcerpts(root.File, hcl.Diagnostics{d})
		diags = append(diags, d)
	}
	if more := warnings - maxCrossWarnings; more > 0 {
		diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: "Further warnings",
			Detail: fmt.Sprintf("There are %d more of this sort.", more)})
	}
	return shortDetails(diags)
}

// named corrects the summary of a finding.
func named(d *hcl.Diagnostic, path string) *hcl.Diagnostic {
	if path == "metadata.name" {
		d.Summary = "Duplicate resource"
	}
	return d
}

// redecoder decodes parts of files a second time to find the place of a field: neither trees nor texts are kept after
// loading.
type redecoder struct {
	content func(*loadedFile) []byte
	files   map[*loadedFile]*tree.File
	trees   map[partID][]*tree.Node
}

type partID struct {
	file *loadedFile
	part int
}

// tree is nil when the file is no longer what it was.
func (r redecoder) tree(at resourcePlace) *tree.Node {
	f := r.file(at.file)
	if f == nil {
		return nil
	}
	if at.file.parts == nil {
		return r.decoded(partID{at.file, -1}, func(d *fileDecoder) { d.decode(at.file.name, f.Src) })[at.index]
	}
	first := 0
	for i, p := range at.file.parts {
		if at.index >= first+p.resources {
			first += p.resources
			continue
		}
		return r.decoded(partID{at.file, i}, func(d *fileDecoder) { d.document(f, p.doc) })[at.index-first]
	}
	return nil
}

func (r redecoder) decoded(id partID, decode func(*fileDecoder)) []*tree.Node {
	if _, ok := r.trees[id]; !ok {
		d := fileDecoder{keepTrees: true}
		decode(&d)
		r.trees[id] = d.trees
	}
	return r.trees[id]
}

// file reads a file again, once.
func (r redecoder) file(f *loadedFile) *tree.File {
	if _, ok := r.files[f]; !ok {
		r.files[f] = nil
		if src := r.content(f); src != nil {
			r.files[f], _ = new(fileDecoder).open(f.name, src) // it could be opened when it was loaded
		}
	}
	return r.files[f]
}
