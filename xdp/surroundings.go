package xdp

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// surroundings are what the host does with packets besides our table, as far as it limits what may be denied before the
// stack has seen them.
type surroundings struct {
	links map[string]netlink.Link
	// names are the interfaces that the fast path is wanted on.
	names []string
	// locals are the unicast addresses that packets are delivered to here.
	locals []netip.Addr
	foreign
	// ingress says, by interface, whose program sees packets of the interface before nftables does.
	ingress map[string]string
	// related says why new connections may belong to established ones, "" when none can.
	related string
}

// foreign is what other tables do.
type foreign struct {
	// rewritten says who may change destinations before input sees them, early who sees packets at ingress; "" for nobody.
	rewritten, early string
}

// observer surveys a network namespace again and again. Its thread must be inside.
type observer struct {
	// wanted chooses the interfaces that the fast path is wanted on.
	wanted func(*surroundings) []string
	// chains was found at the ruleset's generation. A ruleset of 0 is never right.
	generation uint32
	chains     foreign
}

// survey looks around.
func (o *observer) survey() (*surroundings, error) {
	s := &surroundings{links: map[string]netlink.Link{}, ingress: map[string]string{}}
	links, err := whole(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("interfaces: %w", err)
	}
	for _, l := range links {
		s.links[l.Attrs().Name] = l
	}
	addrs, err := whole(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("addresses: %w", err)
	}
	for _, a := range addrs {
		if ip, ok := netip.AddrFromSlice(a.IP); ok && a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0 {
			s.locals = append(s.locals, ip.Unmap())
		}
	}
	if err := o.look(); err != nil {
		return nil, err
	}
	s.foreign = o.chains
	if err := s.iptables(); err != nil {
		return nil, err
	}
	s.names = o.wanted(s)
	for _, name := range s.names {
		if l := s.links[name]; l != nil {
			if err := s.foreignIngress(l); err != nil {
				return nil, err
			}
		}
	}
	return s, s.expectations()
}

// whole lists things of the kernel again when they changed meanwhile (NLM_F_DUMP_INTR): interfaces of containers come and go.
func whole[T any](list func() ([]T, error)) (all []T, err error) {
	for range 100 {
		if all, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return all, err
}

// look lists the chains of all tables if they may have changed, for destination NAT and for chains in front of an interface.
func (o *observer) look() error {
	generation, err := rulesetGeneration()
	if err != nil {
		return fmt.Errorf("nftables generation: %w", err)
	}
	if generation == o.generation && generation != 0 {
		return nil
	}
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	chains, err := conn.ListChains()
	if err != nil {
		return fmt.Errorf("nftables chains: %w", err)
	}
	o.generation, o.chains = generation, foreign{}
	for _, c := range chains {
		switch {
		case c.Hooknum != nil && (c.Table.Family == nftables.TableFamilyNetdev ||
			c.Table.Family == nftables.TableFamilyINet && *c.Hooknum == inetIngress):
			// The library does not tell all devices of a chain, so it counts for every interface.
			o.chains.early = fmt.Sprintf("ingress chain %s of table %s comes first", c.Name, c.Table.Name)
		case c.Type == nftables.ChainTypeNAT && c.Hooknum != nil && *c.Hooknum == *nftables.ChainHookPrerouting:
			o.chains.rewritten = fmt.Sprintf("chain %s of table %s may rewrite destinations", c.Name, c.Table.Name)
		}
	}
	return nil
}

// iptables looks for NAT tables of the older kind.
func (s *surroundings) iptables() error {
	for _, file := range []string{"/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names"} {
		tables, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("iptables: %w", err)
		}
		if slices.Contains(strings.Fields(string(tables)), "nat") {
			s.rewritten = "the iptables table nat may rewrite destinations"
		}
	}
	return nil
}

// inetIngress is NF_INET_INGRESS (uapi linux/netfilter.h).
const inetIngress nftables.ChainHook = 5

// foreignIngress looks for traffic control programs and filters on an interface.
func (s *surroundings) foreignIngress(l netlink.Link) error {
	q, err := link.QueryPrograms(link.QueryOptions{Target: l.Attrs().Index, Attach: ebpf.AttachTCXIngress})
	if err != nil && !errors.Is(err, ebpf.ErrNotSupported) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("tcx programs of %s: %w", l.Attrs().Name, err)
	}
	if q != nil && len(q.Programs) > 0 {
		s.ingress[l.Attrs().Name] = "a tcx program comes first"
	}
	qdiscs, err := whole(func() ([]netlink.Qdisc, error) { return netlink.QdiscList(l) })
	if err != nil {
		return fmt.Errorf("queueing disciplines of %s: %w", l.Attrs().Name, err)
	}
	for _, q := range qdiscs {
		if t := q.Type(); t == "ingress" || t == "clsact" {
			s.ingress[l.Attrs().Name] = "traffic control (" + t + ") comes first"
		}
	}
	return nil
}

// expectations looks whether conntrack ever expected a connection to follow from another, as its helpers make it do.
func (s *surroundings) expectations() error {
	f, err := os.Open("/proc/thread-self/net/stat/nf_conntrack")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no conntrack here, so nothing is related
	}
	if err != nil {
		return fmt.Errorf("conntrack statistics: %w", err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	if !sc.Scan() {
		return sc.Err()
	}
	column := slices.Index(strings.Fields(sc.Text()), "expect_create")
	for column >= 0 && sc.Scan() {
		if fields := strings.Fields(sc.Text()); column < len(fields) {
			if n, err := strconv.ParseUint(fields[column], 16, 64); err == nil && n > 0 {
				s.related = "a conntrack helper is in use"
			}
		}
	}
	return sc.Err()
}

// uppers are the kinds of interfaces that take packets from the one below them, by tag or hardware address.
var uppers = []string{"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec"}

// obstacle says why packets that arrive at an interface may be somebody else's, "" when they are its own.
func (s *surroundings) obstacle(name string) string {
	l := s.links[name]
	switch {
	case l == nil:
		return "there is no such interface"
	case l.Attrs().Flags&net.FlagLoopback != 0:
		return "it is a loopback interface"
	case len(l.Attrs().HardwareAddr) != 6:
		return "it is not an Ethernet interface"
	case l.Attrs().MasterIndex != 0:
		return "it is part of another interface (a bridge, bond or VRF)"
	case s.ingress[name] != "":
		return s.ingress[name]
	case s.early != "":
		return s.early
	}
	for _, other := range slices.Sorted(maps.Keys(s.links)) {
		u := s.links[other]
		if u.Attrs().ParentIndex == l.Attrs().Index && slices.Contains(uppers, u.Type()) {
			return fmt.Sprintf("interface %s (%s) is on top of it", other, u.Type())
		}
	}
	return ""
}

// fingerprint changes whenever anything changes that a plan depends on.
func (s *surroundings) fingerprint() string {
	var b strings.Builder
	for _, name := range s.names {
		fmt.Fprintf(&b, "%s %q", name, s.obstacle(name))
		if l := s.links[name]; l != nil {
			a := l.Attrs()
			fmt.Fprintf(&b, " %d %v %d %d", a.Index, a.HardwareAddr, a.MTU, a.NumRxQueues)
			if a.Xdp != nil {
				fmt.Fprintf(&b, " %d", a.Xdp.ProgId)
			}
		}
		b.WriteByte('\n')
	}
	locals := slices.Clone(s.locals)
	slices.SortFunc(locals, netip.Addr.Compare)
	fmt.Fprintf(&b, "%v %q %q", locals, s.rewritten, s.related)
	return b.String()
}
