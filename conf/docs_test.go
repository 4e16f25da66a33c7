package conf

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"rampart/conf/schema"
	"rampart/model"
)

const filesPage = "../docs/policy-files.md"

// TestFieldsAreDocumented fails when a kind or a field, in YAML or in HCL, is missing from the documentation.
func TestFieldsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filesPage)
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("`([A-Za-z0-9_]+)`").FindAllStringSubmatch(string(page), -1) {
		documented[m[1]] = true
	}
	names := map[string]bool{}
	for _, k := range model.Kinds() {
		names[string(k)], names[schema.Snake(string(k))] = true, true
		fieldNames(reflect.TypeOf(model.New(k)), names)
	}
	for name := range names {
		if !documented[name] {
			t.Errorf("%s does not describe %s", filesPage, name)
		}
	}
}

// fieldNames collects the names of all fields of a type, however deep.
func fieldNames(t reflect.Type, names map[string]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[interface{ UnmarshalText([]byte) error }]()) {
		return
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if name != "" && name != "spec" {
			names[name], names[schema.Snake(name)] = true, true
		}
		fieldNames(f.Type, names)
	}
}

// TestConfigurationExamples decodes the examples of the page about the daemon's configuration.
func TestConfigurationExamples(t *testing.T) {
	const page = "../docs/configuration.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```(hcl|yaml|json)\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(examples) < 2 {
		t.Errorf("%s has %d examples", page, len(examples))
	}
	for _, m := range examples {
		if c, diags := DecodeDaemon("example."+m[1], []byte(m[2])); c == nil {
			t.Errorf("%s: %v\n%s", page, diags.Errs(), m[2])
		}
	}
}
