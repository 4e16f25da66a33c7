package xdp

// Asked is how often the XDP program of an interface has asked conntrack about a cached denial.
func (b *Backend) Asked(name string) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.guards[name].fast.Asked()
}
