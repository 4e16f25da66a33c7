package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// expand lists the files of the source: each path in the order given, the files of a directory in order of their names.
// A file that is reached twice by the same path counts once.
func (s *FileSource) expand() ([]string, hcl.Diagnostics) {
	var names []string
	var diags hcl.Diagnostics
	var empty []string
	have := map[string]bool{}
	add := func(name string) {
		if key := absolute(name); !have[key] {
			have[key] = true
			names = append(names, name)
		}
	}
	for _, path := range s.paths {
		if path == "-" {
			add(path)
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			diags = append(diags, unreadable(path, err))
		case info.IsDir():
			before := len(names)
			err := walkDir(path, map[string]bool{}, func(name string, _ bool) { add(name) })
			if err != nil {
				diags = append(diags, unreadable(path, err))
			} else if len(names) == before {
				empty = append(empty, path)
			}
		default:
			add(path)
		}
	}
	return names, append(diags, withoutFiles(empty, len(names) == 0)...)
}

// withoutFiles says that directories have no policy files. That there are none at all is an error: it happens by accident, to
// a directory that is not mounted or is just being filled, and would leave a host without any policy.
func withoutFiles(dirs []string, none bool) (diags hcl.Diagnostics) {
	for _, dir := range dirs {
		d := &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: "No resources",
			Detail: fmt.Sprintf("The directory %s has no *.hcl, *.yaml, *.yml or *.json files.", dir)}
		if none {
			d.Severity, d.Summary = hcl.DiagError, "No policy files"
			d.Detail += " If there is to be no policy, put a file there with nothing but a comment."
		}
		diags = append(diags, d)
	}
	return diags
}

func absolute(name string) string {
	if name == "-" {
		return name
	}
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return filepath.Clean(name)
}

// walkDir visits the configuration files below a directory, following symbolic links; link tells of those. Each real
// directory is visited once, so that links cannot make a cycle. Entries that vanish on the way are left out; a link that leads
// nowhere is visited like a file, so that policies do not vanish with what it led to.
func walkDir(dir string, visited map[string]bool, visit func(name string, link bool)) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	if visited[real] {
		return nil
	}
	visited[real] = true
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		name := filepath.Join(dir, e.Name())
		link := e.Type()&fs.ModeSymlink != 0
		mode := e.Type()
		if link {
			info, err := os.Stat(name)
			if errors.Is(err, fs.ErrNotExist) {
				if _, err := os.Lstat(name); err == nil {
					visit(name, link)
				}
				continue
			}
			if err != nil {
				return err
			}
			mode = info.Mode().Type()
		}
		switch {
		case mode.IsDir():
			if err := walkDir(name, visited, visit); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		case mode.IsRegular() && formatOfName(name) != "":
			visit(name, link)
		}
	}
	return nil
}

func unreadable(name string, err error) *hcl.Diagnostic {
	reason := err
	var perr *fs.PathError
	if errors.As(err, &perr) {
		reason = perr.Err
	}
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Cannot read file", Detail: fmt.Sprintf("%s: %v.", name, reason)}
}
