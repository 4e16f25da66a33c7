package nft

// Watching tells whether foreign changes are being watched for.
func Watching(b *Backend) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.watching
}

// Owned tells whether the backend owns its table.
func Owned(b *Backend) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state != nil && b.state.owner != 0
}
