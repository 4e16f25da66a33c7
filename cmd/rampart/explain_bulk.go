package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"rampart/engine/eval"
	"rampart/model"
)

// probeLine is one line of bulk input. ID is given back as it came.
type probeLine struct {
	ID        json.RawMessage `json:"id"`
	Endpoint  string          `json:"endpoint"`
	Direction string          `json:"direction"`
	Hook      string          `json:"hook"`
	Packet    *model.Packet   `json:"packet"`
}

// probeAnswer is one line of bulk output for a probe that was decided.
type probeAnswer struct {
	ID        json.RawMessage `json:"id"`
	Verdict   model.Decision  `json:"verdict"`
	DecidedBy string          `json:"decidedBy"`
	Logged    []string        `json:"logged"`
	Origin    string          `json:"origin"`
	Pending   *eval.Pending   `json:"pending,omitempty"`
}

// probeFailure is the line of a probe that was not.
type probeFailure struct {
	ID    json.RawMessage `json:"id"`
	Error string          `json:"error"`
}

// explainBulk answers line by line. Answers leave at once when no further line is waiting, so that a program may ask and
// read in turn.
func explainBulk(e *env, w *explainWorld, file string) error {
	in, err := e.open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	r, out := bufio.NewReaderSize(in, 1<<16), bufio.NewWriterSize(e.stdout, 1<<16)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	failed := false
	for {
		line, err := r.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			answer := w.answer(line)
			_, bad := answer.(probeFailure)
			failed = failed || bad
			if err := enc.Encode(answer); err != nil {
				return err
			}
		}
		if err != nil || r.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if failed {
		return &exitError{1}
	}
	return nil
}

// answer is a probeAnswer or a probeFailure.
func (w *explainWorld) answer(line []byte) any {
	var l probeLine
	if err := model.UnmarshalStrict(line, &l); err != nil {
		var id struct {
			ID json.RawMessage `json:"id"`
		}
		_ = json.Unmarshal(line, &id) // the id alone may still be readable
		return probeFailure{id.ID, err.Error()}
	}
	pr, err := w.probe(&l)
	if err != nil {
		return probeFailure{l.ID, err.Error()}
	}
	v, pending, err := w.verdict(pr)
	if err != nil {
		return probeFailure{l.ID, err.Error()}
	}
	a := probeAnswer{l.ID, v.Decision, v.DecidedBy, v.Logged, v.Origin.String(), pending}
	if a.Logged == nil {
		a.Logged = []string{}
	}
	return a
}

func (w *explainWorld) probe(l *probeLine) (pr model.Probe, err error) {
	if l.Endpoint == "" || l.Packet == nil {
		return pr, errors.New("a probe needs endpoint, direction and packet")
	}
	if pr.Endpoint, err = w.names.find(l.Endpoint); err != nil {
		return pr, err
	}
	if pr.Direction, err = model.ParseDirection(l.Direction); err != nil {
		return pr, err
	}
	var ok bool
	if pr.Layer, ok = model.ParseLayer(l.Hook); !ok {
		return pr, fmt.Errorf("hook %q is not one of normal, forward, preDNAT, untracked", l.Hook)
	}
	pr.Packet = *l.Packet
	return pr, nil
}
