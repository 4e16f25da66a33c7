package nft

import (
	"rampart/engine/ir"
	"rampart/nft/lower"
)

// Render is the nft(8) text of the table that Apply would load, with the default Config.
func Render(p *ir.Program) (string, error) {
	l := lower.Lower(p, lower.Options{})
	if err := l.Validate(); err != nil {
		return "", err
	}
	return l.Text(), nil
}
