package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"rampart/model"
)

// Beside the file of a large bundle lies its journal: what has changed since the file was written. Each record is a header
// line of fixed length, then the body. The header has the format's version, a SHA-256 and the body's length; the hash is that
// of the record before, or of the bundle's body, and of this body. So a journal counts up to where it is whole, and not at
// all beside another bundle than its own.
const (
	journalVersion = 2
	journalHeader  = "rampart-change %d %064x %020d\n"
	journalSuffix  = ".changes"
)

var journalHeaderLen = len(fmt.Sprintf(journalHeader, journalVersion, [sha256.Size]byte{}, 0))

// minJournal and journalShare bound a journal: to so many octets, and to that part of the bundle's file, whichever is more.
// A longer one would take longer to read than to write anew.
const (
	minJournal   = 64 << 10
	journalShare = 4
)

// stateSum is the hash of a bundle's body or of a record.
type stateSum [sha256.Size]byte

// savedState is what is known of the files of one source.
type savedState struct {
	size, journal int64 // octets of the bundle's file and of the journal
	last          stateSum
}

// savedChange is the first JSON value of a record; one savedResource for each resource that came or changed follows.
type savedChange struct {
	Revision   string      `json:"revision"`
	Generation uint64      `json:"generation"`
	Removed    []model.Key `json:"removed,omitempty"`
	Edits      []netsEdit  `json:"edits,omitempty"`
	Resources  int         `json:"resources"`
}

func (s *stateDir) journalPath(source string) string { return s.bundlePath(source) + journalSuffix }

// appendChange writes how a bundle differs from the one that was saved before. It does nothing and returns false when the
// bundle had better be saved as a whole.
func (s *stateDir) appendChange(old, b *model.Bundle, generation uint64) (done bool, err error) {
	if s == nil {
		return true, nil
	}
	at := s.saved[b.Source]
	if at == nil || old == nil {
		return false, nil
	}
	removed, edits, changed := changesBetween(old.Resources, b.Resources)
	if len(changed) > len(b.Resources)/journalShare {
		return false, nil
	}
	room := max(minJournal, at.size/journalShare) - at.journal
	if leastLength(changed) > room {
		return false, nil
	}
	body, err := encodeChange(savedChange{b.Revision, generation, removed, edits, len(changed)}, changed)
	if err != nil {
		return false, err
	}
	if int64(len(body)) > room {
		return false, nil
	}
	next := chained(at.last, body)
	record := append(fmt.Appendf(nil, journalHeader, journalVersion, next, len(body)), body...)
	path := s.journalPath(b.Source)
	if err := appendAt(path, at.journal, record); err != nil {
		delete(s.saved, b.Source)
		return false, fmt.Errorf("saving changes of %s: %w", b.Source, err)
	}
	if at.journal == 0 {
		if err := syncDir(filepath.Dir(path)); err != nil {
			return false, err
		}
	}
	at.journal, at.last = at.journal+int64(len(record)), next
	return true, nil
}

// leastLength is how long a record of the resources is at least, which tells before it is made that there is no room for a
// long list.
func leastLength(changed []model.Resource) (n int64) {
	for _, r := range changed {
		if s, ok := r.(*model.NetworkSet); ok {
			n += int64(len(s.Spec.Nets) * len(`"::/0",`))
		}
	}
	return n
}

func chained(last stateSum, body []byte) (sum stateSum) {
	h := sha256.New()
	h.Write(last[:])
	h.Write(body)
	h.Sum(sum[:0])
	return sum
}

// appendAt writes behind the part of a file that is whole, and waits for the disk.
func appendAt(path string, at int64, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	err = f.Truncate(at)
	if err == nil {
		_, err = f.WriteAt(b, at)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// changesBetween compares two lists of constants by their pointers.
func changesBetween(old, new []model.Resource) (removed []model.Key, edits []netsEdit, changed []model.Resource) {
	var gone []model.Resource
	if len(old) == len(new) {
		for i := range old {
			if old[i] != new[i] {
				if e, ok := editOf(old[i], new[i]); ok {
					edits = append(edits, e)
					continue
				}
				gone, changed = append(gone, old[i]), append(changed, new[i])
			}
		}
	} else {
		for len(old) > 0 && len(new) > 0 && old[0] == new[0] {
			old, new = old[1:], new[1:]
		}
		for len(old) > 0 && len(new) > 0 && old[len(old)-1] == new[len(new)-1] {
			old, new = old[:len(old)-1], new[:len(new)-1]
		}
		gone, changed = old, new
	}
	there := make(map[model.Key]bool, len(changed))
	for _, r := range changed {
		there[r.Key()] = true
	}
	for _, r := range gone {
		if !there[r.Key()] {
			removed = append(removed, r.Key())
		}
	}
	return removed, edits, changed
}

func encodeChange(head savedChange, changed []model.Resource) ([]byte, error) {
	var buf bytes.Buffer
	if err := json.NewEncoder(&buf).Encode(head); err != nil {
		return nil, err
	}
	for _, r := range changed {
		if err := encodeSaved(&buf, r); err != nil {
			return nil, err
		}
	}
	return buf.Bytes(), nil
}

// replay brings a saved bundle up to the last whole record of its journal. It returns the generation of the record, or the
// given one when there is none.
func (s *stateDir) replay(b *model.Bundle, generation uint64, last stateSum) (uint64, error) {
	journal, err := os.ReadFile(s.journalPath(b.Source))
	if err != nil {
		return generation, nil // mostly there is none, and the bundle is whole without
	}
	var places map[model.Key]int
	for {
		body, rest, ok := nextRecord(journal, &last)
		if !ok {
			break
		}
		journal = rest
		if places == nil {
			places = make(map[model.Key]int, len(b.Resources))
			for i, r := range b.Resources {
				places[r.Key()] = i
			}
		}
		if generation, err = redo(b, places, body); err != nil {
			return 0, fmt.Errorf("%w: journal: %w", ErrBadState, err)
		}
	}
	if places != nil {
		left := b.Resources[:0]
		for _, r := range b.Resources {
			if r != nil {
				left = append(left, r)
			}
		}
		b.Resources = left
	}
	return generation, nil
}

// lastGeneration is the generation of the last whole record of a journal, or the given one when there is none.
func (s *stateDir) lastGeneration(source string, generation uint64, last stateSum) uint64 {
	journal, _ := os.ReadFile(s.journalPath(source))
	for {
		body, rest, ok := nextRecord(journal, &last)
		if !ok {
			return generation
		}
		var head savedChange
		if err := json.NewDecoder(bytes.NewReader(body)).Decode(&head); err == nil {
			generation = max(generation, head.Generation)
		}
		journal = rest
	}
}

// nextRecord takes a record off the front of a journal; ok is false when there is no whole one.
func nextRecord(journal []byte, last *stateSum) (body, rest []byte, ok bool) {
	if len(journal) < journalHeaderLen {
		return nil, nil, false
	}
	head, rest := journal[:journalHeaderLen], journal[journalHeaderLen:]
	var version, size int
	var sum string
	if _, err := fmt.Sscanf(string(head), "rampart-change %d %s %d\n", &version, &sum, &size); err != nil || size < 0 || size > len(rest) {
		return nil, nil, false
	}
	body, rest = rest[:size], rest[size:]
	next := chained(*last, body)
	if !bytes.Equal(head, fmt.Appendf(nil, journalHeader, journalVersion, next, size)) {
		return nil, nil, false
	}
	*last = next
	return body, rest, true
}

// redo makes the changes of one record; resources that go leave nil behind.
func redo(b *model.Bundle, places map[model.Key]int, body []byte) (generation uint64, err error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	var head savedChange
	if err := dec.Decode(&head); err != nil {
		return 0, err
	}
	for _, k := range head.Removed {
		if i, ok := places[k]; ok {
			b.Resources[i] = nil
			delete(places, k)
		}
	}
	for i := range head.Edits {
		e := &head.Edits[i]
		at, ok := places[e.Key]
		if !ok {
			return 0, fmt.Errorf("%s is not there", e.Key)
		}
		if err := e.redo(b.Resources[at]); err != nil {
			return 0, fmt.Errorf("%s: %w", e.Key, err)
		}
	}
	for range head.Resources {
		r, err := decodeSaved(dec)
		if err != nil {
			return 0, err
		}
		if i, ok := places[r.Key()]; ok {
			b.Resources[i] = r
			continue
		}
		places[r.Key()] = len(b.Resources)
		b.Resources = append(b.Resources, r)
	}
	b.Revision = head.Revision
	return head.Generation, nil
}
