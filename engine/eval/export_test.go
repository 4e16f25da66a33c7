package eval

// LimitMembers lets the indexes of rules keep no more than n members of sets by their addresses.
func (x *Indexed) LimitMembers(n int) { x.memberLimit = n }
