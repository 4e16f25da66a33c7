package conf

import (
	"cmp"
	"slices"
	"strings"

	confhcl "rampart/conf/hcl"
	"rampart/conf/schema"
	"rampart/conf/tree"
	"rampart/model"
)

// blockKind is the kind that a block type stands for: network_policy is a NetworkPolicy.
func blockKind(name string) (model.Kind, bool) {
	for _, k := range model.Kinds() {
		if schema.Snake(string(k)) == name {
			return k, true
		}
	}
	return "", false
}

// blocks decodes an HCL file: every block is a resource, named by its label.
func (d *fileDecoder) blocks(f *tree.File) {
	root, diags := confhcl.Parse(f)
	d.diags = append(d.diags, diags...)
	if root == nil {
		return
	}
	type block struct {
		node *tree.Node
		kind model.Kind
	}
	var blocks []block
	for _, field := range root.Fields {
		k, ok := blockKind(field.Name)
		switch {
		case !ok:
			d.unknownBlock(f, field)
		case !field.Value.Blocks:
			d.fail(f.Range(field.Start, field.End), "Not a block", "A resource is a block: %s \"NAME\" { … }.", field.Name)
		default:
			for _, n := range field.Value.Items {
				blocks = append(blocks, block{n, k})
			}
		}
	}
	slices.SortFunc(blocks, func(a, b block) int { return cmp.Compare(a.node.Start, b.node.Start) })
	for _, b := range blocks {
		d.block(b.node, b.kind)
	}
}

func (d *fileDecoder) unknownBlock(f *tree.File, field tree.Field) {
	var names []string
	for _, k := range model.Kinds() {
		names = append(names, schema.Snake(string(k)))
	}
	r := f.Range(field.Start, field.End)
	if d.daemonSetting(f, field) {
		return
	}
	if s := schema.Suggest(field.Name, names); s != "" {
		d.fail(r, "Unknown block", "There is no kind of resource %q. Did you mean %q?", field.Name, s)
		return
	}
	d.fail(r, "Unknown block", "There is no kind of resource %q. The kinds are %s, and locals.", field.Name, strings.Join(names, ", "))
}

// daemonSetting reports a field of the daemon's configuration in the place of a resource; false when it is none.
func (d *fileDecoder) daemonSetting(f *tree.File, field tree.Field) bool {
	if !slices.Contains(schema.Names(&Daemon{}, true, ""), field.Name) {
		return false
	}
	d.fail(f.Range(field.Start, field.End), "Not a resource", "%q belongs in the daemon's configuration, which is not a policy file.", field.Name)
	return true
}

// block decodes one resource. Its label is the name; the fields of metadata and spec stand side by side in it.
func (d *fileDecoder) block(n *tree.Node, k model.Kind) {
	what := schema.Snake(string(k))
	if len(n.Labels) != 1 {
		at := head(n)
		if len(n.Labels) > 1 {
			at = n.Labels[1].Range()
		}
		d.fail(at, "Invalid block", "A %s block has one label, its name: %s \"NAME\" { … }.", what, what)
		return
	}
	d.resource(manifestOf(n, k), k, what)
}

// manifestOf brings a block into the form of a manifest: a map of metadata and spec. What belongs to neither is put
// where the name that was probably meant is.
func manifestOf(n *tree.Node, k model.Kind) *tree.Node {
	part := func() *tree.Node { return &tree.Node{File: n.File, Kind: tree.Map, Start: n.Start, End: n.End} }
	metadata, spec := part(), part()
	label := n.Labels[0]
	metadata.Fields = append(metadata.Fields, tree.Field{Name: "name", Start: label.Start, End: label.End, Value: label})

	inMetadata := schema.Names(&model.Metadata{}, true, k)
	inMetadata = slices.DeleteFunc(inMetadata, func(name string) bool { return name == "name" || name == "namespace" && !k.Namespaced() })
	inSpec, hasSpec := specNames(k)
	all := append(slices.Clone(inSpec), inMetadata...)
	for _, f := range n.Fields {
		switch {
		case slices.Contains(inMetadata, f.Name), !hasSpec, f.Name == "namespace",
			!slices.Contains(inSpec, f.Name) && slices.Contains(inMetadata, schema.Suggest(f.Name, all)):
			metadata.Fields = append(metadata.Fields, f)
		default:
			spec.Fields = append(spec.Fields, f)
		}
	}
	m := part()
	m.Fields = append(m.Fields, tree.Field{Name: "metadata", Start: n.Start, End: n.Start, Value: metadata})
	if hasSpec {
		m.Fields = append(m.Fields, tree.Field{Name: "spec", Start: n.Start, End: n.Start, Value: spec})
	}
	return m
}

// specNames are the HCL names of the fields of a kind's spec; not every kind has one.
func specNames(k model.Kind) (names []string, ok bool) {
	return schema.FieldNames(model.New(k), "spec", true, k)
}
