// Package hcl parses HCL's native syntax to configuration trees, formats it, and writes trees as HCL.
//
// A file is a map: an attribute is a field, and the blocks of one type are a list of maps, each with its labels. Values
// are constants: strings, numbers, booleans, lists and maps. Beside them there are templates, a few functions, and
// values that the same file names in locals blocks:
//
//	locals {
//	  office = ["192.0.2.0/24", "198.51.100.0/24"]
//	}
//	global_network_set "admins" {
//	  nets = concat(local.office, ["203.0.113.7/32"])
//	}
//
// There are no operators, conditions or loops, and nesting and the size of what local values expand to are bounded, so
// that no file takes more than a small multiple of its own size.
//
// What the fields mean is not known here: see conf/schema.
package hcl
