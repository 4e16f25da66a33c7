package main

import (
	"fmt"
	"log/slog"
	"os/user"
	"strconv"

	"rampart/conf"
	"rampart/engine/api"
)

// apiAccess is who may use the socket. The group is a name or a number.
func apiAccess(c conf.DaemonAPI) (api.Access, error) {
	a := api.Access{UIDs: c.UIDs}
	if c.Group == "" {
		return a, nil
	}
	id := c.Group
	if g, err := user.LookupGroup(c.Group); err == nil {
		id = g.Gid
	}
	gid, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		return a, fmt.Errorf("api group %q does not exist", c.Group)
	}
	a.GIDs = []uint32{uint32(gid)}
	return a, nil
}

// newLogger makes the daemon's logger. The configuration has been validated, so an unknown word cannot occur.
func newLogger(e *env, c conf.DaemonLog) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(e.stderr, options))
	}
	return slog.New(slog.NewTextHandler(e.stderr, options))
}
