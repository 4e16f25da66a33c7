package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

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
	files := map[string]func(io.Writer) error{
		"report.html": d.WriteHTML, "report.json": d.WriteJSON, "report.csv": d.WriteCSV, "report.txt": d.WriteTable,
	}
	for _, g := range d.Grids() {
		if g.Plottable() {
			files[plotName(g)+".svg"], files[plotName(g)+".png"] = g.WriteSVG, g.WritePNG
		}
	}
	for name, fn := range files {
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

// plotName is a file name that says what a plot shows.
func plotName(g *report.Grid) string {
	words := []string{g.Measure.Name}
	for _, w := range []string{g.Case.Set, fmt.Sprintf("ipv%d", g.Case.Family), g.Case.Traffic, g.Case.Match} {
		if w != "" && w != "ipv0" {
			words = append(words, w)
		}
	}
	if g.Case.Size != 0 {
		words = append(words, fmt.Sprint(g.Case.Size))
	}
	return strings.Join(words, "-")
}
