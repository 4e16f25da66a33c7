package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rampart/bench/filter"
	"rampart/bench/rig"
)

// sample draws packets from all over the list for the verdict check.
func (b *bench) sample() ([]filter.Flow, error) {
	var out []filter.Flow
	for place, n := range map[filter.Place]int{
		filter.PlaceAny: b.Checked / 2, filter.PlaceNone: b.Checked / 4, filter.PlaceFirst: b.Checked / 8, filter.PlaceLast: b.Checked / 8,
	} {
		flows, err := b.scan.Flows(place, filter.TrafficMixed, max(1, n), b.Seed+100)
		if errors.Is(err, filter.ErrNoSuchPacket) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, flows...)
	}
	return out, nil
}

// check sends the sample through every system. One that judges wrongly is a failure and not measured.
func (b *bench) check(ctx context.Context) error {
	flows, err := b.sample()
	if err != nil {
		return err
	}
	for _, s := range b.seats {
		b.step("check " + s.Name)
		if err := ctx.Err(); err != nil {
			return err
		}
		wrong, err := s.rig.Verdicts(s.wanted(flows), b.CPU)
		if err != nil {
			return fmt.Errorf("check of %s: %w", s.Name, err)
		}
		if s.failed = len(wrong) > 0; s.failed {
			b.fail(s, wrong)
		}
	}
	return b.dismiss()
}

func (b *bench) fail(s *seat, wrong []rig.Misjudged) {
	b.doc.Failures = append(b.doc.Failures, fmt.Sprintf("%s, %s of %d rules, IPv%d: %d of %d packets misjudged; %v",
		s.Name, b.Set, b.Rules, b.Family, len(wrong), b.Checked, wrong[0]))
}

// wanted is what the system must do with flows.
func (s *seat) wanted(flows []filter.Flow) []filter.Flow {
	out := slices.Clone(flows)
	for i := range out {
		out[i].Want = s.Want(out[i].Want)
	}
	return out
}
