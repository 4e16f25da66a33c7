package report

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Environment is where a run took place.
type Environment struct {
	Kernel string `json:"kernel"`
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	// MemoryMB is the machine's memory in megabytes.
	MemoryMB   int    `json:"memoryMB"`
	Hypervisor string `json:"hypervisor,omitempty"`
	// Mitigations has what the kernel says about each hardware weakness that the machine has.
	Mitigations map[string]string `json:"mitigations,omitempty"`
	// Governor is the frequency governor of the first core, "" where there is none.
	Governor string `json:"governor,omitempty"`
	// LoadAverage is the machine's load over the minute before the run.
	LoadAverage float64 `json:"loadAverage"`
	// Tools maps a command to its version.
	Tools map[string]string `json:"tools"`
	Go    string            `json:"go"`
}

// Survey looks at this machine.
func Survey() Environment {
	e := Environment{CPUs: runtime.NumCPU(), Go: runtime.Version(), Tools: map[string]string{}, Mitigations: map[string]string{}}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		e.Kernel = unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
	}
	cpu := keyed("/proc/cpuinfo")
	e.CPU = cpu["model name"]
	if strings.Contains(" "+cpu["flags"]+" ", " hypervisor ") {
		e.Hypervisor = "yes"
	}
	if kb, _, ok := strings.Cut(keyed("/proc/meminfo")["MemTotal"], " "); ok {
		n, _ := strconv.Atoi(kb)
		e.MemoryMB = n / 1024
	}
	paths, _ := filepath.Glob("/sys/devices/system/cpu/vulnerabilities/*")
	for _, p := range paths {
		if text := line(p); text != "" && text != "Not affected" {
			e.Mitigations[filepath.Base(p)] = text
		}
	}
	e.Governor = line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
	if f := strings.Fields(line("/proc/loadavg")); len(f) > 0 {
		e.LoadAverage, _ = strconv.ParseFloat(f[0], 64)
	}
	for name, args := range map[string][]string{
		"nft": {"--version"}, "iptables": {"--version"}, "iptables-legacy": {"--version"}, "ipset": {"--version"}, "dpdk-test-acl": nil,
	} {
		if v, ok := version(name, args); ok {
			e.Tools[name] = v
		}
	}
	return e
}

func version(name string, args []string) (string, bool) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", false
	}
	if args == nil {
		return path, true
	}
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	out, err := exec.CommandContext(ctx, path, args...).Output()
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(first), err == nil
}

// keyed reads the first occurrence of each "key: value" line of a file.
func keyed(path string) map[string]string {
	out := map[string]string{}
	f, err := os.Open(path)
	if err != nil {
		return out
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		k, v, ok := strings.Cut(s.Text(), ":")
		if k = strings.TrimSpace(k); ok && out[k] == "" {
			out[k] = strings.TrimSpace(v)
		}
	}
	return out
}

func line(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(first)
}

// String is the machine on one line.
func (e Environment) String() string {
	where := ""
	if e.Hypervisor != "" {
		where = " (virtual)"
	}
	return strconv.Itoa(e.CPUs) + " × " + e.CPU + where + ", Linux " + e.Kernel
}
