package conf

import (
	"fmt"
	"io"
	"strings"

	confhcl "rampart/conf/hcl"
	"rampart/conf/json"
	"rampart/conf/schema"
	"rampart/conf/tree"
	"rampart/conf/yaml"
	"rampart/model"
)

// Encode writes resources in one of Formats, in their order: YAML as a stream of documents, JSON as one manifest or, if
// there is not exactly one, as a List, HCL as blocks. Fields have a fixed order and empty ones are left out; what is
// written decodes to the same resources, but for their origins.
func Encode(w io.Writer, format string, resources []model.Resource) error {
	if format == FormatJSON && len(resources) != 1 {
		return EncodeList(w, format, "", resources)
	}
	for i, r := range resources {
		var out []byte
		switch format {
		case FormatYAML:
			if i > 0 {
				out = append(out, "---\n"...)
			}
			out = yaml.Append(out, manifestTree(r))
		case FormatJSON:
			out = json.Append(out, manifestTree(r))
		case FormatHCL:
			if i > 0 {
				out = append(out, '\n')
			}
			out = confhcl.Append(out, blockTree(r))
		default:
			return unknownFormat(format)
		}
		if _, err := w.Write(out); err != nil {
			return err
		}
	}
	return nil
}

func unknownFormat(format string) error {
	return fmt.Errorf("unknown format %q: the formats are %s", format, strings.Join(Formats(), ", "))
}

// EncodeList writes resources of one kind as a typed list such as NetworkPolicyList, or of any kinds, for the kind "", as
// a List. HCL has no lists of resources; there it is Encode.
func EncodeList(w io.Writer, format string, k model.Kind, resources []model.Resource) error {
	apiVersion, kind := model.APIVersionKubernetes, "List"
	if k != "" {
		apiVersion, kind = k.APIVersion(), k.ManifestKind()+"List"
	}
	n := &tree.Node{Kind: tree.Map}
	items := &tree.Node{Kind: tree.List}
	for _, r := range resources {
		items.Items = append(items.Items, manifestTree(r))
	}
	n.Fields = append(typeFields(apiVersion, kind), tree.Field{Name: "items", Value: items})
	var out []byte
	switch format {
	case FormatYAML:
		out = yaml.Append(nil, n)
	case FormatJSON:
		out = json.Append(nil, n)
	case FormatHCL:
		return Encode(w, format, resources)
	default:
		return unknownFormat(format)
	}
	_, err := w.Write(out)
	return err
}

func typeFields(apiVersion, kind string) []tree.Field {
	return []tree.Field{
		{Name: "apiVersion", Value: &tree.Node{Kind: tree.String, Text: apiVersion}},
		{Name: "kind", Value: &tree.Node{Kind: tree.String, Text: kind}},
	}
}

// manifestTree is a resource as YAML and JSON write it.
func manifestTree(r model.Resource) *tree.Node {
	k := r.Key().Kind
	n := schema.Encode(r, false)
	n.Fields = append(typeFields(k.APIVersion(), k.ManifestKind()), n.Fields...)
	return n
}

// blockTree is a file that holds the resource as an HCL block: the name is the label, and the fields of metadata and spec
// stand side by side.
func blockTree(r model.Resource) *tree.Node {
	block := &tree.Node{Kind: tree.Map, Blocks: true, Labels: []*tree.Node{{Kind: tree.String, Text: r.Meta().Name}}}
	for _, part := range schema.Encode(r, true).Fields {
		for _, f := range part.Value.Fields {
			if part.Name == "metadata" && f.Name == "name" {
				continue
			}
			block.Fields = append(block.Fields, f)
		}
	}
	return &tree.Node{Kind: tree.Map, Fields: []tree.Field{{Name: schema.Snake(string(r.Key().Kind)), Value: block}}}
}
