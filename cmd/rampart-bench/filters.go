package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"rampart/bench/classbench"
	"rampart/bench/filter"
)

// readFilters makes sets of ClassBench files. A file is cut to the wanted number of rules; a number above its length
// means all of it. A name without a directory may also be that of a file in the folder classbench of $RAMPART_DATA.
func (f *planFlags) readFilters() error {
	sets := map[string][]classbench.Filter{}
	f.plan.Sets = nil
	for _, path := range f.files {
		list, err := classbench.Open(find(path))
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(filepath.Base(path), ".gz")
		sets[name] = list
		f.plan.Sets = append(f.plan.Sets, name)
	}
	f.plan.Generate = func(name string, family, n int, seed uint64) (*filter.Set, error) {
		list := sets[name]
		s, err := filter.FromFilters(name, list[:min(n, len(list))], seed)
		if err == nil && s.Family != family {
			err = fmt.Errorf("%s holds IPv%d", name, s.Family)
		}
		return s, err
	}
	return nil
}

// find is the path of a filter file: as given, or that of stored data.
func find(path string) string {
	data := os.Getenv("RAMPART_DATA")
	if data == "" || isFile(path) || filepath.Base(path) != path {
		return path
	}
	for _, name := range []string{path, path + ".gz"} {
		if stored := filepath.Join(data, "classbench", name); isFile(stored) {
			return stored
		}
	}
	return path
}
