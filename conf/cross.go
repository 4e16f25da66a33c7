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

// crossCheck reports what is wrong between resources. A policy in a tier that does not exist is enforced, last, as
// Calico does it: that is a warning here, and strict in its Note.
func crossCheck(files []*loadedFile) hcl.Diagnostics {
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
	places := map[resourceID]resourcePlace{}
	for _, f := range files {
		for i, r := range f.resources {
			places[resourceID{r.Key(), r.Source()}] = resourcePlace{f, i}
		}
	}
	var diags hcl.Diagnostics
	warnings := 0
	again := redecoder{map[*loadedFile]*tree.File{}, map[partID][]*tree.Node{}}
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
		if root := again.tree(at); root != nil {
			d := fieldDiagnostic(root, e.FieldError, note)
			if e.Path == "metadata.name" {
				d.Summary = "Duplicate resource"
			}
			attachExcerpts(root.File, hcl.Diagnostics{d})
			diags = append(diags, d)
		}
	}
	if more := warnings - maxCrossWarnings; more > 0 {
		diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: "Further warnings",
			Detail: fmt.Sprintf("There are %d more of this sort.", more)})
	}
	return diags
}

// redecoder decodes parts of files a second time to find the place of a field: trees are not kept after loading.
type redecoder struct {
	files map[*loadedFile]*tree.File
	trees map[partID][]*tree.Node
}

type partID struct {
	file *loadedFile
	part int
}

func (r redecoder) tree(at resourcePlace) *tree.Node {
	first := 0
	for i, p := range at.file.parts {
		if at.index >= first+p.resources {
			first += p.resources
			continue
		}
		id := partID{at.file, i}
		if _, ok := r.trees[id]; !ok {
			d := fileDecoder{keepTrees: true}
			if p.whole {
				d.decode(at.file.name, at.file.src)
			} else {
				d.document(r.file(at.file), p.doc)
			}
			r.trees[id] = d.trees
		}
		return r.trees[id][at.index-first]
	}
	return nil
}

func (r redecoder) file(f *loadedFile) *tree.File {
	if r.files[f] == nil {
		r.files[f], _ = new(fileDecoder).open(f.name, f.src) // it could be opened when it was loaded
	}
	return r.files[f]
}
