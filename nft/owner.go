package nft

import (
	"errors"
	"fmt"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// ownership is what we know about table ownership in this kernel.
type ownership uint8

const (
	ownershipUntried ownership = iota
	ownershipWorks
	ownershipMissing
)

// claim returns the table as it is to be made.
//
// With the flags owner and persist (Linux 6.9) only our socket may change the table: a foreign "flush ruleset" leaves it
// out, "delete table" is refused. When the socket closes, by Close or by kill -9, the kernel keeps the table and clears
// the owner, so the next process can take it over. Owner without persist (Linux 5.12) would delete the table with the
// process and is not used.
func (b *Backend) claim(old *nftables.Table) (*nftables.Table, error) {
	table := b.fresh()
	if old == nil || old.Owner == 0 {
		return table, nil
	}
	port, err := b.conn.GetPortID()
	if err != nil {
		return nil, err
	}
	if old.Owner != port {
		return nil, fmt.Errorf("%w (netlink port %d)", ErrTableInUse, old.Owner)
	}
	return table, nil
}

// disown tells whether an error says that the kernel does not know the flags; then we go on without.
func (b *Backend) disown(err error) bool {
	if b.config.Shared || b.owned != ownershipUntried || !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EINVAL) {
		return false
	}
	b.owned = ownershipMissing
	b.config.Logger.Info("the kernel cannot keep others from changing the table", "table", b.config.Table, "needs", "Linux 6.9")
	return true
}

// fresh is our table, with the flags we want.
func (b *Backend) fresh() *nftables.Table {
	table := &nftables.Table{Name: b.config.Table, Family: nftables.TableFamilyINet}
	if !b.config.Shared && b.owned != ownershipMissing {
		table.Flags = nftables.TableFlagOwner | nftables.TableFlagPersist
	}
	return table
}
