package kernel

import (
	"encoding/json"
	"fmt"
	"os"

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
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := &Case{}
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Write writes a case file.
func (c *Case) Write(path string) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// World is the case's resources.
func (c *Case) World() []model.Resource {
	out := make([]model.Resource, len(c.Resources))
	for i, m := range c.Resources {
		out[i] = m.Resource
	}
	return out
}
