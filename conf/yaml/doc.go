// Package yaml parses YAML to configuration trees and writes trees as YAML.
//
// A file is a stream of documents. Each is parsed on its own: a mistake in one hides nothing in the others, documents
// can be parsed in parallel, and one that did not change need not be parsed again. The language is YAML 1.2 as
// go.yaml.in/yaml/v3 reads it, with merge keys; tags other than the built-in ones are refused. Nesting, and what aliases
// may multiply, are bounded, so that no input takes more than a small multiple of its own size.
//
// What the fields mean is not known here: see conf/schema.
package yaml
