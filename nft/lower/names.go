package lower

import (
	"fmt"
	"hash/fnv"
	"path"
	"strings"

	"rampart/model"
	"rampart/nft/ruleset"
)

// maxWord bounds the readable part of a name, so that whole names stay under 80 bytes.
const maxWord = 40

// ChainName is a name that says what it is for: a prefix, the readable part of a key, and a hash that keeps names apart.
// The prefix keeps it clear of nft's keywords. Two policies whose chains had one name would be one policy to a packet, so
// the hash has 64 bits: of 32, two of 10 000 names with the same readable part are equal once in a hundred programs.
func ChainName(prefix, word string, identity ...string) string {
	h := fnv.New64a()
	for _, s := range append(identity, prefix, word) {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	w := sanitise(word)
	if len(w) > maxWord {
		w = w[:maxWord]
	}
	if w = strings.Trim(w, "-."); w == "" {
		return fmt.Sprintf("%s-%016x", prefix, h.Sum64())
	}
	return fmt.Sprintf("%s-%s-%016x", prefix, w, h.Sum64())
}

// sanitise replaces what an nft identifier may not hold.
func sanitise(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '-'
	}, s)
}

// word is a policy's name for chain names: its namespace and name.
func word(k model.Key) string {
	if k.Namespace == "" {
		return k.Name
	}
	return k.Namespace + "-" + k.Name
}

func dirWord(d model.Direction) string {
	if d == model.Egress {
		return "out"
	}
	return "in"
}

// layerWord is appended to names in the layers other than normal.
func layerWord(l model.Layer) string {
	switch l {
	case model.LayerForward:
		return "-forward"
	case model.LayerPreDNAT:
		return "-preDNAT"
	case model.LayerUntracked:
		return "-untracked"
	}
	return ""
}

// Comment is the comment of a rule or element: what it is, where it was written and its identifier, from which counters
// and log messages are attributed. It is cut in front of the origin if it would be too long.
func Comment(ref string, o model.Origin, id model.RuleID) string {
	tail := " #" + id.String()
	if at := o.String(); at != "" {
		if len(at) > 48 {
			at = fmt.Sprintf("%s:%d", path.Base(o.File), o.Line)
		}
		if len(at) <= 48 {
			tail = " " + at + tail
		}
	}
	return cut(printable(ref), ruleset.MaxCommentLen-len(tail)) + tail
}

// LogPrefix is the prefix of a Log rule's messages: the configured prefix, the rule's name and its identifier.
func LogPrefix(prefix, ref string, id model.RuleID) string {
	tail := " #" + id.String() + " "
	head := printable(prefix)
	if head != "" && !strings.HasSuffix(head, " ") {
		head += " "
	}
	head = cut(head, 32)
	return head + cut(printable(ref), ruleset.MaxLogPrefixLen-len(tail)-len(head)) + tail
}

// ParseID finds the identifier that Comment and LogPrefix write.
func ParseID(s string) (model.RuleID, bool) {
	i := strings.LastIndex(s, "#")
	if i < 0 || len(s) < i+17 {
		return 0, false
	}
	var id model.RuleID
	if _, err := fmt.Sscanf(s[i+1:i+17], "%016x", (*uint64)(&id)); err != nil {
		return 0, false
	}
	return id, true
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:max(0, n-2)] + ".."
}

// printable keeps what nft can show and read back inside quotes.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < ' ', r > '~', r == '\\':
			return '_'
		}
		return r
	}, s)
}
