package conf

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rampart/conf/schema"
	"rampart/model"
)

// Bounds of the daemon's settings.
const (
	maxDebounce      = time.Minute
	maxInterfaceName = 15 // IFNAMSIZ without the terminating zero
	maxLogPrefix     = 64 // half of what the kernel keeps; the rule's name follows
	maxTableName     = 63
	maxQueues        = 64 // the fast path's
	maxFlowRate      = 10_000
	maxMetricRules   = 100_000
	maxSocketPath    = 107 // sockaddr_un.sun_path
)

var (
	tableName     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	interfaceName = regexp.MustCompile(`^[^\s/:*"\\]+$`)
)

// validate reports what the types do not exclude, with the paths of the fields.
func (c *Daemon) validate() []model.FieldError {
	var v daemonErrors
	v.oneOf("endpoint_to_host_action", c.EndpointToHostAction, ActionDrop, ActionReturn, ActionAccept)
	v.oneOf("deny_action", c.DenyAction, ActionDrop, ActionReject)
	v.oneOf("lowering", c.Lowering, LoweringRules, LoweringLookups)
	v.oneOf("on_exit", c.OnExit, OnExitKeep, OnExitClear)
	v.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	v.oneOf("log.format", c.Log.Format, "text", "json")
	v.oneOf("fast_path.mode", c.FastPath.Mode, FastPathOff, FastPathAuto, FastPathAlways)
	v.oneOf("fast_path.on_overload", c.FastPath.OnOverload, OverloadNFT, OverloadDrop)
	v.oneOf("fast_path.sockets", c.FastPath.Sockets, SocketsRings, SocketsAsavie)

	if c.Debounce <= 0 || c.Debounce > maxDebounce {
		v.errorf("debounce", "it must be more than 0 and at most %s", maxDebounce)
	}
	for i, prefix := range c.WorkloadInterfacePrefixes {
		v.interfaceName(fmt.Sprintf("workload_interface_prefixes[%d]", i), prefix)
	}
	for i, name := range c.FastPath.Interfaces {
		v.interfaceName(fmt.Sprintf("fast_path.interfaces[%d]", i), name)
	}
	for i, name := range c.Sources.Files {
		if name == "" || name == "-" {
			v.errorf(fmt.Sprintf("sources.files[%d]", i), "it must be the path of a file or a directory")
		}
	}
	if c.FastPath.Queues < 0 || c.FastPath.Queues > maxQueues {
		v.errorf("fast_path.queues", "it must be from 0, for all, to %d", maxQueues)
	}
	if c.FastPath.BusyPoll && c.FastPath.Sockets == SocketsAsavie {
		v.errorf("fast_path.busy_poll", "sockets of %q cannot poll", SocketsAsavie)
	}
	if c.FastPath.FlowRate < 0 || c.FastPath.FlowRate > maxFlowRate {
		v.errorf("fast_path.flow_rate", "it must be from 0, for none, to %d", maxFlowRate)
	}
	if len(c.Log.Prefix) > maxLogPrefix || strings.ContainsFunc(c.Log.Prefix, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		v.errorf("log.prefix", "it must have at most %d printable ASCII characters and neither quotes nor backslashes", maxLogPrefix)
	}
	if !tableName.MatchString(c.Table) || len(c.Table) > maxTableName {
		v.errorf("table", "it must have at most %d letters, digits and underscores and start with a letter", maxTableName)
	}
	if !filepath.IsAbs(c.API.Socket) || len(c.API.Socket) > maxSocketPath {
		v.errorf("api.socket", "it must be an absolute path of at most %d bytes", maxSocketPath)
	}
	if c.StateDir != "" && !filepath.IsAbs(c.StateDir) {
		v.errorf("state_dir", "it must be an absolute path")
	}
	if c.Metrics.Rules < 0 || c.Metrics.Rules > maxMetricRules {
		v.errorf("metrics.rules", "it must be from 0, for none, to %d", maxMetricRules)
	}
	v.limits(&c.Limits)
	v.listen("metrics.listen", c.Metrics.Listen)
	return v
}

type daemonErrors []model.FieldError

func (v *daemonErrors) errorf(path, format string, args ...any) {
	*v = append(*v, model.FieldError{Path: path, Msg: fmt.Sprintf(format, args...)})
}

func (v *daemonErrors) oneOf(path, value string, words ...string) {
	if slices.Contains(words, value) {
		return
	}
	if s := schema.Suggest(value, words); s != "" {
		v.errorf(path, "%q is not one of %s. Did you mean %q?", value, strings.Join(words, ", "), s)
		return
	}
	v.errorf(path, "%q is not one of %s", value, strings.Join(words, ", "))
}

func (v *daemonErrors) interfaceName(path, name string) {
	if !interfaceName.MatchString(name) || len(name) > maxInterfaceName || name == "." || name == ".." {
		v.errorf(path, "%q cannot be the name of an interface: 1 to %d bytes without blanks, slashes, colons and asterisks", name, maxInterfaceName)
	}
}

func (v *daemonErrors) limits(l *DaemonLimits) {
	for _, x := range []struct {
		name string
		n    int64
	}{
		{"elements", int64(l.Elements)}, {"set_elements", int64(l.SetElements)}, {"rules", int64(l.Rules)}, {"chains", int64(l.Chains)},
		{"sets", int64(l.Sets)}, {"memory", int64(l.Memory)},
	} {
		if x.n <= 0 {
			v.errorf("limits."+x.name, "it must be more than 0")
		}
	}
}

func (v *daemonErrors) listen(path, address string) {
	if address == "" {
		return
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		v.errorf(path, "it must be an address and a port such as \"127.0.0.1:9184\" or \"[::1]:9184\"")
		return
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		v.errorf(path, "%q is not a port from 0 to 65535", port)
	}
}
