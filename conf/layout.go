package conf

import (
	"github.com/hashicorp/hcl/v2"

	confhcl "rampart/conf/hcl"
	"rampart/conf/json"
	"rampart/conf/yaml"
)

// Format lays a configuration file out anew, in the format that its name or content tells. Comments and the order of
// everything are kept; what the file says does not change. A file with syntax errors is not formatted; whether it makes
// sense does not matter.
func Format(name string, src []byte) ([]byte, hcl.Diagnostics) {
	d := &fileDecoder{}
	f, ok := d.open(name, src)
	if !ok {
		return nil, d.diags
	}
	var out []byte
	var err error
	switch formatOf(name, f.Src) {
	case FormatHCL:
		out, d.diags = confhcl.Format(f)
	case FormatJSON:
		if _, d.diags = json.Parse(f); !d.diags.HasErrors() {
			out, err = json.Format(f)
		}
	default:
		if _, d.diags = yaml.Parse(f); !d.diags.HasErrors() {
			out, err = yaml.Format(f)
		}
	}
	d.diags = finish(f, d.diags)
	if err != nil {
		d.diags = append(d.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Cannot format", Detail: name + ": " + err.Error() + "."})
	}
	return out, d.diags
}
