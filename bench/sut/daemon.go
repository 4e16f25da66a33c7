package sut

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"rampart/bench/daemon"
	"rampart/bench/filter"
	"rampart/bench/rig"
	"rampart/conf"
)

// loadTimeout bounds the wait for a daemon to put its first policy in force.
const loadTimeout = 5 * time.Minute

// service is a running daemon and its policy file.
type service struct {
	daemon *daemon.Daemon
	file   string
	dir    string
}

func (s *service) Pid() int { return s.daemon.Pid() }

// Change replaces the policy file and returns at once: the daemon notices by itself.
func (s *service) Change(_ context.Context, c *filter.Change) error {
	return writePolicy(s.file, c.After)
}

// Close kills the daemon: its rules go with the namespace, and how it stops is not the question here.
func (s *service) Close() error { return errors.Join(s.daemon.Kill(), os.RemoveAll(s.dir)) }

// writePolicy puts a whole file in the place of another, as an editor does.
func writePolicy(file string, set *filter.Set) error {
	f, err := os.Create(file + "~")
	if err != nil {
		return err
	}
	err = errors.Join(conf.Encode(f, "json", set.Resources()), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

func rampartDaemon() *System {
	return &System{
		Name: "rampart-daemon", Title: "rampart daemon, policy file",
		Missing: func(o *Options, _ int) error { return errNoBinary(o) },
		Load: func(ctx context.Context, o *Options, r *rig.Rig, set *filter.Set) (Instance, error) {
			dir, err := os.MkdirTemp(o.Dir, "daemon")
			if err != nil {
				return nil, err
			}
			s := &service{file: filepath.Join(dir, "policy.json"), dir: dir}
			if err := writePolicy(s.file, set); err != nil {
				return nil, errors.Join(err, os.RemoveAll(dir))
			}
			s.daemon, err = daemon.Start(daemon.Config{
				Binary: o.Rampart, Namespace: r.Firewall, Dir: dir, Policy: []string{s.file}, Node: filter.Node,
			})
			if err != nil {
				return nil, errors.Join(err, os.RemoveAll(dir))
			}
			ctx, stop := context.WithTimeout(ctx, loadTimeout)
			defer stop()
			if err := s.daemon.Ready(ctx); err != nil {
				return nil, errors.Join(err, s.daemon.Kill(), os.RemoveAll(dir))
			}
			return s, nil
		},
	}
}
