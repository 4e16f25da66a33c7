package kernel

import (
	"rampart/bench/gen"
	"rampart/engine/ir"
	"rampart/model"
)

// Case is a program and a packet that the kernel once got wrong, kept so that it is tried ever after.
type Case struct {
	// About says what went wrong when the case was found; Seed is the seed it was found with.
	About string `json:"about"`
	Seed  uint64 `json:"seed"`
	// Arrives is what must become of the packet.
	Arrives   bool           `json:"arrives"`
	Wire      Wire           `json:"wire"`
	Options   ir.Options     `json:"options"`
	Resources []gen.Manifest `json:"resources"`
}

// ReadCase reads a case file.
func ReadCase(path string) (*Case, error) {
	c := &Case{}
	return c, gen.ReadFile(path, c)
}

// Write writes a case file.
func (c *Case) Write(path string) error { return gen.WriteFile(path, c) }

// World is the case's resources.
func (c *Case) World() []model.Resource {
	out := make([]model.Resource, len(c.Resources))
	for i, m := range c.Resources {
		out[i] = m.Resource
	}
	return out
}
