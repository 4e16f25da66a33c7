package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"rampart/conf"
)

// formatFlags are the options of the fmt command.
type formatFlags struct {
	write, check bool
}

func newFormatCommand(e *env) *cobra.Command {
	var f formatFlags
	cmd := &cobra.Command{
		Use:   "fmt [-w | --check] FILE|DIR|-...",
		Short: "Lay out policy files in the canonical way",
		Long: `Lay out HCL, YAML and JSON files in the canonical way and write the result to standard output, or with -w back to the
files. Only white space changes: comments, quotes and the order of everything stay. In YAML, maps are indented by two and
lists stand under their key.

Exit codes: 0 done, or with --check nothing to do; 1 a file cannot be read or has syntax errors, or with --check another
layout; 2 wrong usage.`,
		Example: `  rampart fmt -w /etc/rampart/policy.d
  rampart fmt --check examples`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return &usageError{errors.New("fmt needs a file, a directory, or - for standard input")}
			case f.write && f.check:
				return &usageError{errors.New("fmt takes -w or --check, not both")}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return formatFiles(e, f, args) },
	}
	cmd.Flags().BoolVarP(&f.write, "write", "w", false, "write the files, and print the names of those that changed")
	cmd.Flags().BoolVar(&f.check, "check", false, "change nothing; print the names of files with another layout")
	return cmd
}

func formatFiles(e *env, f formatFlags, paths []string) error {
	names, diags := conf.Files(paths...).Expand()
	failed := diags.HasErrors()
	if failed {
		_ = fileErrors(e, diags, nil) // the others are laid out all the same
	}
	for _, name := range names {
		src, err := e.read(name)
		if err != nil {
			fmt.Fprintf(e.stderr, "rampart: %v\n", err)
			failed = true
			continue
		}
		same, err := formatFile(e, f, name, src)
		var exit *exitError
		switch {
		case errors.As(err, &exit):
			failed = true
		case err != nil:
			return err
		}
		failed = failed || f.check && !same
	}
	if failed {
		return &exitError{1}
	}
	return nil
}

// formatFile formats one file and tells whether it was so already.
func formatFile(e *env, f formatFlags, name string, src []byte) (same bool, err error) {
	display := name
	if name == "-" {
		display = conf.Stdin
	}
	out, diags := conf.Format(display, src)
	if diags.HasErrors() {
		return true, fileErrors(e, diags, map[string][]byte{display: src})
	}
	same = bytes.Equal(src, out)
	switch {
	case !f.write && !f.check:
		_, err = e.stdout.Write(out)
	case same:
	case f.check || name == "-":
		_, err = fmt.Fprintln(e.stdout, display)
	default:
		if err = replaceFile(name, out); err == nil {
			_, err = fmt.Fprintln(e.stdout, display)
		}
	}
	return same, err
}

// replaceFile writes a file beside the old one and renames it, so that there is always a whole one. Links are followed,
// mode and owner are kept as far as the user may.
func replaceFile(name string, data []byte) (err error) {
	name, err = filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".rampart-fmt-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	if _, err = tmp.Write(data); err != nil {
		tmp.Close()
		return err
	}
	if err = errors.Join(tmp.Chmod(info.Mode().Perm()), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	keepOwner(tmp.Name(), info)
	return os.Rename(tmp.Name(), name)
}

// keepOwner gives a file the owner of another; only root can, and nobody needs to be told.
func keepOwner(name string, like os.FileInfo) {
	if st, ok := like.Sys().(*syscall.Stat_t); ok {
		_ = os.Chown(name, int(st.Uid), int(st.Gid))
	}
}
