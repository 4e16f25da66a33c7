// Package json parses JSON to configuration trees and writes trees as JSON.
//
// A file holds any number of JSON values, one after the other. Field names are case-sensitive and may not be repeated.
// What the fields mean is not known here: see conf/schema.
package json
