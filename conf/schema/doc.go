// Package schema gives configuration trees their meaning: it decodes a tree into a Go value and encodes a value as a
// tree. The schema is the Go type itself, so there is one for every format:
//
//   - the json tag names a field; HCL uses the same name in snake_case (notICMP is not_icmp, expectedIPs expected_ips);
//   - a scalar or list field whose tag has neither omitempty nor omitzero is required;
//   - the kinds tag restricts a field to some resource kinds;
//   - a field "Origin model.Origin" that is not part of the format receives the place of its struct.
//
// Decoding is strict: unknown fields, wrong types and missing fields are errors, each at its place, and decoding goes
// on after an error, so that all are found at once. Rules about values belong to the model's validation.
//
// All functions may be called concurrently.
package schema
