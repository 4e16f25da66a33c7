package rig

import (
	"errors"
	"fmt"
	"time"

	"rampart/bench/filter"
	"rampart/bench/pktgen"
	"rampart/model"
)

// Misjudged is a packet that the firewall under test did not treat as the rules say.
type Misjudged struct {
	filter.Flow
	Got model.Action
}

// ErrMisjudged is wrapped by errors that name a packet with a wrong verdict.
var ErrMisjudged = errors.New("wrong verdict")

func (m Misjudged) Error() string {
	by := "by default"
	if m.Rule != filter.NoRule {
		by = fmt.Sprintf("by rule %d", m.Rule)
	}
	return fmt.Sprintf("%v: %s is %s, the rules say %s %s", ErrMisjudged, describe(&m.Packet), m.Got, m.Want, by)
}

// Unwrap makes a Misjudged an ErrMisjudged.
func (m Misjudged) Unwrap() error { return ErrMisjudged }

func describe(p *model.Packet) string {
	return fmt.Sprintf("%s %s > %s", model.ProtocolLabel(p.Protocol), endpoint(p.Src.String(), p.SrcPort), endpoint(p.Dst.String(), p.DstPort))
}

func endpoint(addr string, port uint16) string {
	if port == 0 {
		return addr
	}
	return fmt.Sprintf("%s port %d", addr, port)
}

// Verdicts sends each flow once and returns those that were not judged as they want.
func (r *Rig) Verdicts(flows []filter.Flow, cpu int) (wrong []Misjudged, err error) {
	s, err := r.Sender(Stream{Flows: flows, Size: pktgen.StampedMin, CPU: cpu, tagged: true})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	err = r.Record(len(flows), false, func(rec *pktgen.Recorder) error {
		if _, err := s.Generator.Send(len(flows)); err != nil {
			return err
		}
		// Some firewalls let packets through only a while later.
		for quiet, last := time.Duration(0), -1; quiet < patience; quiet += settlePause {
			if wrong, err = misjudged(rec, flows); err != nil || len(wrong) == 0 {
				break
			}
			if len(wrong) != last {
				quiet, last = 0, len(wrong)
			}
			time.Sleep(settlePause)
		}
		return err
	})
	return wrong, err
}

// misjudged compares what has arrived so far with what must.
func misjudged(rec *pktgen.Recorder, flows []filter.Flow) (wrong []Misjudged, err error) {
	arrivals, err := rec.Arrivals()
	if err != nil {
		return nil, err
	}
	for i, f := range flows {
		got := model.Deny
		if arrivals[i].Count > 0 {
			got = model.Allow
		}
		if got != f.Want {
			wrong = append(wrong, Misjudged{f, got})
		}
	}
	return wrong, nil
}
