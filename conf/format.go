package conf

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
)

// The formats of configuration.
const (
	FormatHCL  = "hcl"
	FormatYAML = "yaml"
	FormatJSON = "json"
)

// Formats lists them, for messages and completion.
func Formats() []string { return []string{FormatHCL, FormatYAML, FormatJSON} }

// formatOfName is the format that a file's extension names, or "".
func formatOfName(name string) string {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".hcl":
		return FormatHCL
	case ".yaml", ".yml":
		return FormatYAML
	case ".json":
		return FormatJSON
	}
	return ""
}

// hclStart is a line that starts a block or sets an attribute: no line of a YAML map looks like one.
var hclStart = regexp.MustCompile(`^\s*[A-Za-z_][A-Za-z0-9_-]*\s*("[^"]*"\s*)*(\{|=[^=])`)

// formatOf is the format of a file: by its extension, else by its first line that is not a comment.
func formatOf(name string, src []byte) string {
	if f := formatOfName(name); f != "" {
		return f
	}
	for line := range bytes.Lines(src) {
		text := bytes.TrimSpace(line)
		switch {
		case len(text) == 0 || text[0] == '#':
		case text[0] == '{' || text[0] == '[':
			return FormatJSON
		case bytes.HasPrefix(text, []byte("//")), bytes.HasPrefix(text, []byte("/*")), hclStart.Match(line):
			return FormatHCL
		default:
			return FormatYAML
		}
	}
	return FormatYAML
}
