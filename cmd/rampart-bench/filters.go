package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"rampart/bench/classbench"
	"rampart/bench/filter"
)

// readFilters makes sets of ClassBench files. A file is cut to the wanted number of rules; a number above its length
// means all of it.
func (f *planFlags) readFilters() error {
	sets := map[string][]classbench.Filter{}
	f.plan.Sets = nil
	for _, path := range f.files {
		list, err := classbench.Open(path)
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
