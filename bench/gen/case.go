package gen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"rampart/model"
)

// Case is a world, a probe and the verdict the probe must have, kept in a file so that what failed once is tested ever
// after.
type Case struct {
	// About says what went wrong when the case was found.
	About string `json:"about"`
	// Seed is the seed it was found with.
	Seed      uint64        `json:"seed,omitempty"`
	Node      string        `json:"node"`
	Resources []Manifest    `json:"resources"`
	Probe     model.Probe   `json:"probe"`
	Want      model.Verdict `json:"want"`
}

// Manifest is a resource in the form of its JSON document.
type Manifest struct{ model.Resource }

// MarshalJSON implements json.Marshaler.
func (m Manifest) MarshalJSON() ([]byte, error) {
	body, err := json.Marshal(m.Resource)
	if err != nil {
		return nil, err
	}
	kind := m.Key().Kind
	head := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,`, kind.APIVersion(), kind.ManifestKind())
	return append([]byte(head), bytes.TrimPrefix(body, []byte("{"))...), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *Manifest) UnmarshalJSON(b []byte) error {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &fields); err != nil {
		return err
	}
	var head struct{ APIVersion, Kind string }
	if err := json.Unmarshal(b, &head); err != nil {
		return err
	}
	kind, ok := model.KindOf(head.APIVersion, head.Kind)
	if !ok {
		return fmt.Errorf("unknown kind %s of %s", head.Kind, head.APIVersion)
	}
	delete(fields, "apiVersion")
	delete(fields, "kind")
	body, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	m.Resource = model.New(kind)
	return model.UnmarshalStrict(body, m.Resource)
}

// Manifests wraps resources for a Case.
func Manifests(resources []model.Resource) []Manifest {
	out := make([]Manifest, len(resources))
	for i, r := range resources {
		out[i] = Manifest{r}
	}
	return out
}

// World is the case's resources.
func (c *Case) World() []model.Resource {
	out := make([]model.Resource, len(c.Resources))
	for i, m := range c.Resources {
		out[i] = m.Resource
	}
	return out
}

// ReadCase reads a case file.
func ReadCase(path string) (*Case, error) {
	c := &Case{}
	return c, ReadFile(path, c)
}

// Write writes the case file.
func (c *Case) Write(path string) error { return WriteFile(path, c) }

// ReadFile reads a case file of any kind, and takes no field that the case has not.
func ReadFile(path string, c any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := model.UnmarshalStrict(b, c); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// WriteFile writes a case file of any kind.
func WriteFile(path string, c any) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
