package conf

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"

	confhcl "rampart/conf/hcl"
	"rampart/conf/json"
	"rampart/conf/schema"
	"rampart/conf/tree"
	"rampart/conf/yaml"
)

// LoadDaemon reads the daemon's configuration from a file in HCL, YAML or JSON. What the file does not set has its
// default. It is nil when there are errors.
func LoadDaemon(path string) (*Daemon, hcl.Diagnostics) {
	f, err := os.Open(path)
	if err != nil {
		return nil, hcl.Diagnostics{unreadable(path, err)}
	}
	defer f.Close()
	src, err := readLimited(f)
	if err != nil {
		return nil, hcl.Diagnostics{unreadable(path, err)}
	}
	c, diags := DecodeDaemon(path, src)
	if c == nil {
		return nil, diags
	}
	for i, name := range c.Sources.Files {
		if !filepath.IsAbs(name) {
			c.Sources.Files[i] = filepath.Join(filepath.Dir(path), name)
		}
	}
	return c, diags
}

// DecodeDaemon is LoadDaemon for bytes; relative paths are left as they are.
func DecodeDaemon(name string, src []byte) (*Daemon, hcl.Diagnostics) {
	d := &fileDecoder{}
	f, ok := d.open(name, src)
	if !ok {
		return nil, d.diags
	}
	c := DefaultDaemon()
	if root := d.daemonTree(f); root != nil {
		d.daemon(root, c)
	}
	d.diags = finish(f, d.diags)
	if d.diags.HasErrors() {
		return nil, d.diags
	}
	return c, d.diags
}

// daemonTree parses the file to the one map that it must be; nil when it is empty or, after reporting, when it is not.
func (d *fileDecoder) daemonTree(f *tree.File) *tree.Node {
	var roots []*tree.Node
	var diags hcl.Diagnostics
	switch formatOf(f.Name, f.Src) {
	case FormatHCL:
		root, ds := confhcl.Parse(f)
		roots, diags = []*tree.Node{root}, ds
		if root == nil {
			roots = nil
		}
	case FormatJSON:
		roots, diags = json.Parse(f)
	default:
		roots, diags = yaml.Parse(f)
	}
	d.diags = append(d.diags, diags...)
	if len(roots) > 1 {
		d.fail(head(roots[1]), "More than one document", "The daemon's configuration is one document.")
	}
	if len(roots) == 0 {
		return nil
	}
	return roots[0]
}

// daemon decodes and validates the configuration.
func (d *fileDecoder) daemon(root *tree.Node, c *Daemon) {
	if f := root.Field("kind"); f != nil && root.Kind == tree.Map && root.Field("apiVersion") != nil {
		d.fail(f.Value.Range(), "Not a configuration", "This is a resource. The daemon's configuration names the files with resources: sources, files.")
		return
	}
	problems := schema.Decode(root, c, "", "the configuration")
	for _, p := range problems {
		if p.Diagnostic != nil {
			d.resourceHint(p)
			d.diags = append(d.diags, p.Diagnostic)
		}
	}
	for _, e := range c.validate() {
		if covered(problems, root, e.Path) {
			continue
		}
		n, _, _ := schema.Locate(root, e.Path)
		d.fail(n.Range(), "Invalid "+fieldName(e.Path), "%s", sentence(e.Msg))
	}
}

// resourceHint tells who put a resource into the daemon's configuration where resources go.
func (d *fileDecoder) resourceHint(p schema.Problem) {
	if _, ok := blockKind(p.Path); ok && p.Diagnostic.Summary == "Unknown field" {
		p.Diagnostic.Detail = fmt.Sprintf("%q is a resource. Resources stand in files of their own, which sources { files = […] } names.", p.Path)
	}
}
