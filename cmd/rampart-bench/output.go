package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"rampart/bench/report"
)

// write puts a document into a directory in all its forms, and a table on standard output.
func write(e *env, d *report.Document, dir string) error {
	if err := d.WriteTable(e.stdout); err != nil {
		return err
	}
	if dir != "" {
		if err := writeFiles(d, dir); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		fmt.Fprintf(e.stdout, "\nReport: %s\n", filepath.Join(dir, "report.html"))
	}
	if len(d.Failures) > 0 {
		return &exitError{1}
	}
	return nil
}

func writeFiles(d *report.Document, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, fn := range map[string]func(io.Writer) error{
		"report.json": d.WriteJSON, "report.csv": d.WriteCSV, "report.txt": d.WriteTable,
	} {
		if err := writeFile(filepath.Join(dir, name), fn); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, fn func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(fn(f), f.Close())
}
