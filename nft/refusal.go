package nft

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Refusal is the kernel's refusal of a transaction, with the object it refused first. Nothing of the transaction is in
// force.
type Refusal struct {
	// Object names what was refused, with the policy it comes from: a rule by its comment, a chain or set by its name.
	Object string
	Err    error
}

// Error implements error.
func (r *Refusal) Error() string { return fmt.Sprintf("%s: %v", r.Object, r.Err) }

// Unwrap gives the kernel's error.
func (r *Refusal) Unwrap() error { return r.Err }

// recorder is a connection that remembers what it has queued. The kernel's answers name messages by their sequence
// numbers, and the library does not tell which message is whose.
type recorder struct {
	*nftables.Conn
	queued []queued
}

// queued is one message of a transaction: its type, as the library's errors name it, and its object.
type queued struct {
	kind   string
	object fmt.Stringer
}

type (
	namedChain struct{ *nftables.Chain }
	namedSet   struct{ *nftables.Set }
	namedTable struct{ *nftables.Table }
	namedRule  struct{ *nftables.Rule }
	elementsIn struct{ *nftables.Set }
)

func (c namedChain) String() string { return "chain " + c.Name }
func (t namedTable) String() string { return "table " + t.Name }

func (s namedSet) String() string {
	what := "set "
	if s.IsMap {
		what = "map "
	}
	if s.Anonymous {
		return "a set of the rule after it"
	}
	if s.Comment != "" {
		return fmt.Sprintf("%s%s (%s)", what, s.Name, s.Comment)
	}
	return what + s.Name
}

func (s elementsIn) String() string { return "elements of " + namedSet(s).String() }

func (r namedRule) String() string {
	comment, ok := userdata.GetString(r.UserData, userdata.TypeComment)
	if !ok {
		return "a rule of chain " + r.Chain.Name
	}
	return fmt.Sprintf("rule %q of chain %s", comment, r.Chain.Name)
}

func (r *recorder) note(kind string, object fmt.Stringer) {
	r.queued = append(r.queued, queued{kind, object})
}

// AddTable, and what follows, are the library's methods of the same names.
func (r *recorder) AddTable(t *nftables.Table) *nftables.Table {
	r.note("NFT_MSG_NEWTABLE", namedTable{t})
	return r.Conn.AddTable(t)
}

func (r *recorder) AddChain(c *nftables.Chain) *nftables.Chain {
	r.note("NFT_MSG_NEWCHAIN", namedChain{c})
	return r.Conn.AddChain(c)
}

func (r *recorder) DelChain(c *nftables.Chain) {
	r.note("NFT_MSG_DELCHAIN", namedChain{c})
	r.Conn.DelChain(c)
}

func (r *recorder) FlushChain(c *nftables.Chain) {
	r.note("NFT_MSG_DELRULE", namedChain{c})
	r.Conn.FlushChain(c)
}

func (r *recorder) AddRule(rule *nftables.Rule) *nftables.Rule {
	r.note("NFT_MSG_NEWRULE", namedRule{rule})
	return r.Conn.AddRule(rule)
}

func (r *recorder) InsertRule(rule *nftables.Rule) *nftables.Rule {
	r.note("NFT_MSG_NEWRULE", namedRule{rule})
	return r.Conn.InsertRule(rule)
}

func (r *recorder) DelRule(rule *nftables.Rule) error {
	r.note("NFT_MSG_DELRULE", namedRule{rule})
	return r.Conn.DelRule(rule)
}

// AddSet queues an anonymous set with its elements, because nothing can be added to one, and any other before them.
func (r *recorder) AddSet(s *nftables.Set, elements []nftables.SetElement) error {
	r.note("NFT_MSG_NEWSET", namedSet{s})
	if !s.Anonymous {
		return errors.Join(r.Conn.AddSet(s, nil), r.SetAddElements(s, elements))
	}
	if len(elements) > 0 {
		r.note("NFT_MSG_NEWSETELEM", namedSet{s})
	}
	return r.Conn.AddSet(s, elements)
}

func (r *recorder) DelSet(s *nftables.Set) {
	r.note("NFT_MSG_DELSET", namedSet{s})
	r.Conn.DelSet(s)
}

func (r *recorder) FlushSet(s *nftables.Set) {
	r.note("NFT_MSG_DELSETELEM", elementsIn{s})
	r.Conn.FlushSet(s)
}

func (r *recorder) SetAddElements(s *nftables.Set, elements []nftables.SetElement) error {
	return r.elements("NFT_MSG_NEWSETELEM", s, elements, r.Conn.SetAddElements)
}

func (r *recorder) SetDeleteElements(s *nftables.Set, elements []nftables.SetElement) error {
	return r.elements("NFT_MSG_DELSETELEM", s, elements, r.Conn.SetDeleteElements)
}

// elements queues elements in portions that fit into one message each.
func (r *recorder) elements(kind string, s *nftables.Set, list []nftables.SetElement, queue func(*nftables.Set, []nftables.SetElement) error) error {
	if len(list) == 0 {
		return nil
	}
	for portion := range slices.Chunk(list, portionSize(list)) {
		r.note(kind, elementsIn{s})
		if err := queue(s, portion); err != nil {
			return err
		}
	}
	return nil
}

// portionSize is how many elements surely fit into one message: the length of an attribute is a 16-bit number.
func portionSize(list []nftables.SetElement) int {
	const room, around = 60 << 10, 96 // around an element: headers of attributes, flags, a counter, a verdict
	largest := 0
	for i := range list {
		e := &list[i]
		size := len(e.Key) + len(e.KeyEnd) + len(e.Val) + len(e.Comment)
		if e.VerdictData != nil {
			size += len(e.VerdictData.Chain)
		}
		largest = max(largest, size)
	}
	return max(1, room/(around+largest))
}

// flush sends what is queued and names the object that the kernel refused.
func (r *recorder) flush(generation uint32) error {
	list := r.queued
	r.queued = nil
	err := r.FlushWithGenID(generation)
	var op *netlink.OpError
	if err == nil || !errors.As(err, &op) || op.Sequence == 0 || errors.Is(err, unix.ERESTART) {
		return err
	}
	if object := r.refused(list, err, op); object != nil {
		return &Refusal{object.String(), op.Err}
	}
	return err
}

// refused finds the object of the message that an error is about. Sequence numbers count up by one: a request after the
// transaction tells where its messages end. What is found must be of the type that the library's error names, else
// nothing is.
func (r *recorder) refused(list []queued, err error, op *netlink.OpError) fmt.Stringer {
	_, probe := r.GetSetByName(&nftables.Table{Name: " ", Family: nftables.TableFamilyINet}, " ") // no such set
	var answer *netlink.OpError
	if !errors.As(probe, &answer) || answer.Sequence == 0 {
		return nil
	}
	fromEnd := int(answer.Sequence-op.Sequence) - 2 // the last message ends the batch
	i := len(list) - 1 - fromEnd
	if i < 0 || i >= len(list) || !strings.Contains(err.Error(), list[i].kind) {
		return nil
	}
	return list[i].object
}
