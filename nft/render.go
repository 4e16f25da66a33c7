package nft

import (
	"rampart/engine/ir"
	"rampart/nft/lower"
)

// Render is the nft(8) text of the table that a Backend of the default Config would load.
func Render(p *ir.Program) (string, error) { return Config{}.Render(p) }

// Render is the nft(8) text of the table that a Backend of this Config would load.
func (c Config) Render(p *ir.Program) (string, error) {
	l := lower.Lower(p, c.lowering())
	if err := l.Validate(); err != nil {
		return "", err
	}
	return l.Text(), nil
}
