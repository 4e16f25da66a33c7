package nft

import (
	"rampart/engine/ir"
)

// Render is the nft(8) text of the table that a Backend of the default Config would load.
func Render(p *ir.Program) (string, error) { return Config{}.Render(p) }

// Render is the nft(8) text of the table that a Backend of this Config would load.
func (c Config) Render(p *ir.Program) (string, error) {
	c = c.withDefaults()
	l, err := c.lower(p, nil)
	if err != nil {
		return "", err
	}
	return l.Text(), nil
}
