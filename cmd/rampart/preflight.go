package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"rampart/conf"
)

// preflight reports at once everything that will keep the daemon from doing its work.
func preflight(c *conf.Daemon) error {
	var errs []error
	switch ok, err := hasNetAdmin(); {
	case err != nil:
		errs = append(errs, err)
	case !ok:
		errs = append(errs, fmt.Errorf("the firewall needs the capability CAP_NET_ADMIN, which user %d does not have: run it as root",
			os.Geteuid()))
	}
	return errors.Join(errs...)
}

// hasNetAdmin tells whether the process may change nftables (capabilities(7), CAP_NET_ADMIN).
func hasNetAdmin() (bool, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // version 3 has 64 bits in two halves
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false, fmt.Errorf("capabilities: %w", err)
	}
	return data[unix.CAP_NET_ADMIN/32].Effective&(1<<(unix.CAP_NET_ADMIN%32)) != 0, nil
}
