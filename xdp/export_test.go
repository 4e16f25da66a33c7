package xdp

// Asked is how often the XDP program of an interface has asked conntrack about a cached denial.
func (b *Backend) Asked(name string) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.guards[name].fast.Asked()
}

// JudgedBy are the packets that each worker of an interface has judged.
func (b *Backend) JudgedBy(name string) (judged []uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.guards[name].workers {
		judged = append(judged, w.judged.Load())
	}
	return judged
}
