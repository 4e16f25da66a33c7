package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"rampart/conf"
	"rampart/model"
)

// loadFiles reads the resources of files. Mistakes in them are printed in full, warnings are not; the error then says no
// more.
func loadFiles(ctx context.Context, e *env, paths []string) ([]model.Resource, error) {
	source := e.files(paths...)
	bundle, diags := source.Load(ctx)
	if bundle == nil {
		return nil, fileErrors(e, diags, source.Sources())
	}
	return bundle.Resources, nil
}

// files are policy files, on the standard input too. Who waits for a pipe that nothing comes through is told.
func (e *env) files(paths ...string) *conf.FileSource {
	return conf.FilesWith(conf.FileOptions{Stdin: e.stdin, Waiting: func(name string) {
		fmt.Fprintf(e.stderr, "rampart: waiting for %s, a pipe that nothing comes through\n", name)
	}}, paths...)
}

// fileErrors prints the errors among diagnostics and stands for them.
func fileErrors(e *env, diags hcl.Diagnostics, sources map[string][]byte) error {
	errs := slices.DeleteFunc(slices.Clone(diags), func(d *hcl.Diagnostic) bool { return d.Severity != hcl.DiagError })
	if err := conf.WriteDiagnostics(e.stderr, errs, sources, isTerminal(e.stderr)); err != nil {
		return err
	}
	return &exitError{1}
}
