package ruleset

// Limits of nf_tables (uapi/linux/netfilter/nf_tables.h and libnftnl's udata.h).
const (
	// MaxNameLen is NFT_NAME_MAXLEN without the terminating zero.
	MaxNameLen = 255
	// MaxCommentLen is NFTNL_UDATA_COMMENT_MAXLEN without the terminating zero.
	MaxCommentLen = 127
	// MaxLogPrefixLen is NF_LOG_PREFIXLEN without the terminating zero.
	MaxLogPrefixLen = 127
	// MaxJumpDepth is how many jumps and gotos may lead from a base chain to a rule: nft_chain_validate refuses a chain
	// at level NFT_JUMP_STACK_SIZE (16).
	MaxJumpDepth = 15
	// MaxExpressions is NFT_RULE_MAXEXPRS, of one rule.
	MaxExpressions = 128
)

// Ruleset is one table of family inet.
type Ruleset struct {
	// Table is the table's name.
	Table string
	// Sets are the named sets and maps, each before its first use.
	Sets []*Set
	// Chains in the order in which they are listed.
	Chains []*Chain
}

// Chain is a list of rules. A base chain hangs on a hook; the others are entered by jump or goto.
type Chain struct {
	Name string
	// Base is nil for a chain that is only jumped to.
	Base *Base
	// Note is a line for readers of the text; the kernel does not store it.
	Note  string
	Rules []*Rule
}

// Base hangs a chain on a hook. The policy is always accept: while a batch is being checked a new base chain already
// sees packets but has no rules yet, so a drop policy would lose packets on every full load.
type Base struct {
	Hook     Hook
	Priority int
}

// Set finds a named set, nil when there is none.
func (r *Ruleset) Set(name string) *Set {
	for _, s := range r.Sets {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Chain finds a chain, nil when there is none.
func (r *Ruleset) Chain(name string) *Chain {
	for _, c := range r.Chains {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Size counts the objects of the ruleset, anonymous sets included.
type Size struct{ Chains, Rules, Sets, Elements int }

// Total is the sum of all.
func (s Size) Total() int { return s.Chains + s.Rules + s.Sets + s.Elements }

// Size counts what loading the ruleset creates.
func (r *Ruleset) Size() Size { return r.SizeAfter(&Ruleset{}, Size{}) }

// SizeAfter is Size, given that of another ruleset: what both have at the same place is not looked at.
func (r *Ruleset) SizeAfter(old *Ruleset, n Size) Size {
	for i := range max(len(r.Sets), len(old.Sets)) {
		switch {
		case i < len(r.Sets) && i < len(old.Sets) && r.Sets[i] == old.Sets[i]:
			continue
		case i < len(old.Sets):
			n.set(old.Sets[i], -1)
		}
		if i < len(r.Sets) {
			n.set(r.Sets[i], 1)
		}
	}
	for i := range max(len(r.Chains), len(old.Chains)) {
		switch {
		case i < len(r.Chains) && i < len(old.Chains) && r.Chains[i] == old.Chains[i]:
			continue
		case i < len(old.Chains):
			n.chain(old.Chains[i], -1)
		}
		if i < len(r.Chains) {
			n.chain(r.Chains[i], 1)
		}
	}
	return n
}

// set and chain add what an object counts so many times.
func (n *Size) set(s *Set, times int) {
	n.Sets += times
	n.Elements += times * s.Len()
}

func (n *Size) chain(c *Chain, times int) {
	n.Chains += times
	n.Rules += times * len(c.Rules)
	for _, rule := range c.Rules {
		for _, st := range rule.Statements {
			if m, ok := st.(Match); ok && len(m.Values) > 1 {
				n.Sets += times
				n.Elements += times * len(m.Values)
			}
		}
	}
}
