// Package conf reads Rampart's configuration: resources of the policy model and the daemon's own settings, written in
// HCL, YAML or JSON.
//
//	bytes ─► conf/hcl, conf/yaml, conf/json ─► conf/tree ─► conf/schema ─► model.Resource, Daemon
//
// Every format has the same fields (conf/schema), is decoded strictly, and reports every mistake of every file at once
// as hcl.Diagnostics with file, line and column; WriteDiagnostics prints them with the line itself. Encode writes
// resources in any of the formats; what it writes decodes to the same resources.
//
// A Source delivers resources and says when they change. Files is the source for files and directories. A source
// delivers a whole Bundle or none: one bad file keeps everything as it was.
//
// The package does not decide anything about packets and does not know the kernel. Sources may be used from several
// goroutines; the resources in a Bundle are constants.
package conf
