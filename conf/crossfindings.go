package conf

import (
	"hash/maphash"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// crossFindings are what crossCheck found. It looks at all resources, so after a change of a few files it is put off:
// until then the warnings of the last time stand. Errors, which are keys defined twice, are found at once.
type crossFindings struct {
	diags hcl.Diagnostics
	// keys counts the definitions of each key, by a hash of it, twice is how many have several; nil while the counts are not
	// kept. Should two keys have the same hash, everything is looked at more often than need be.
	keys  map[uint64]int32
	twice int
	seed  maphash.Seed
	// due tells that files have changed since the last look.
	due bool
}

// update takes in loaded files; replaced tells what is different, nil when everything may be. Only with later set will
// there be a call of check.
func (c *crossFindings) update(s *FileSource, replaced []replacement, later bool) hcl.Diagnostics {
	switch {
	case replaced == nil:
		c.keys, c.due = nil, true
		if later {
			c.count(s.loaded)
		}
	case len(replaced) > 0:
		c.due = true
		if c.keys == nil {
			c.count(s.loaded)
		} else {
			for _, r := range replaced {
				c.add(r.old, -1)
				c.add(r.new, 1)
			}
		}
	}
	if c.due && (!later || c.keys == nil || c.twice > 0 || c.diags.HasErrors()) {
		c.diags, c.due = crossCheck(s.loaded, s.content), false
	}
	if c.due {
		select {
		case s.due <- struct{}{}:
		default:
		}
	}
	return c.diags
}

func (c *crossFindings) count(files []*loadedFile) {
	n := 0
	for _, f := range files {
		n += len(f.resources)
	}
	c.keys, c.twice, c.seed = make(map[uint64]int32, n), 0, maphash.MakeSeed()
	for _, f := range files {
		c.add(f, 1)
	}
}

func (c *crossFindings) add(f *loadedFile, n int32) {
	for _, r := range f.resources {
		k := maphash.Comparable(c.seed, r.Key())
		before := c.keys[k]
		after := before + n
		if after == 0 {
			delete(c.keys, k)
		} else {
			c.keys[k] = after
		}
		switch {
		case before < 2 && after >= 2:
			c.twice++
		case before >= 2 && after < 2:
			c.twice--
		}
	}
}

// check does what was put off. It tells whether Load has something else to say now.
func (s *FileSource) check() (differs bool) {
	s.mu.Lock()
	files, due, before := s.loaded, s.cross.due, s.cross.diags
	s.mu.Unlock()
	if !due {
		return false
	}
	diags := crossCheck(files, s.content)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.loaded, files) {
		return false // there is more to come
	}
	s.cross.diags, s.cross.due = diags, false
	if sameDiagnostics(before, diags) {
		return false
	}
	if s.announced == nil && s.base.digest == s.seen {
		s.announced = s.base
	}
	return true
}

// sameDiagnostics compares what diagnostics say and where.
func sameDiagnostics(a, b hcl.Diagnostics) bool {
	return slices.EqualFunc(a, b, func(x, y *hcl.Diagnostic) bool {
		at := func(d *hcl.Diagnostic) hcl.Range {
			if d.Subject == nil {
				return hcl.Range{}
			}
			return *d.Subject
		}
		return x.Severity == y.Severity && x.Summary == y.Summary && x.Detail == y.Detail && at(x) == at(y)
	})
}
