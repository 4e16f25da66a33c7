package ir

import (
	"time"

	"rampart/model"
)

// The types below are what backends hand back to the engine. They are declared here because backends do not import the
// engine and the engine does not import them.

// Receipt says what a backend has put in force.
type Receipt struct {
	// Generation and Hash are those of the program; a receipt that differs from the program given to Apply means that
	// the backend has not done what it was asked.
	Generation uint64
	Hash       string
	// Duration is how long the backend took.
	Duration time.Duration
	// Objects is how many objects of the backend (chains, rules, sets, elements) are now in force.
	Objects int
}

// Counter is what a rule has matched since it came into force.
type Counter struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Cuts is what became of open connections after a change of policy.
type Cuts struct {
	// Tracked is how many connections were looked at.
	Tracked int
	// Cut are those that the new program denies, Restored those cut earlier that it allows.
	Cut, Restored int
	// Examples names some of those cut and what denies them.
	Examples []string
}

// Flow is one packet that a Log rule, or a backend's own trace, reported.
type Flow struct {
	Time time.Time
	// Rule that reported the packet, 0 when it was a default.
	Rule model.RuleID
	// Prefix is the log message's prefix, "" where the backend has none.
	Prefix string
	// In and Out are interface names, "" where the packet had none.
	In, Out string
	Packet  model.Packet
	// Length is the packet's length in octets from the network header on.
	Length int
}
