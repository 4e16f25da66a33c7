package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"rampart/bench/classbench"
	"rampart/bench/pktgen"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft"
	"rampart/nft/blocks"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

type options struct {
	rounds            int
	dry, text, linear bool
	costs             string
	plain, fit        bool
	flows             int
}

// load is a program and the packets sent through it.
type load struct {
	name    string
	program *ir.Program
	packets []model.Packet
	group   lower.GroupFunc
	costs   *blocks.Costs
	report  lower.Report
	size    ruleset.Size
	path    *path
	gen     *pktgen.Generator
	ns      []float64
}

// program puts rules into policies of at most 1000 at a host endpoint, for forwarded traffic.
func program(rules []*ir.Rule) *ir.Program {
	g := &ir.Group{ID: "g", Direction: model.Ingress, Layer: model.LayerForward}
	tier := ir.Tier{Name: "default", Default: model.Deny}
	p := &ir.Program{Node: "n", Hash: "x"}
	for i := 0; i < len(rules); i += 1000 {
		key := model.Key{Kind: model.KindGlobalNetworkPolicy, Name: fmt.Sprintf("p%03d", i/1000)}
		pol := &ir.Policy{ID: ir.PolicyID(key.String()), Key: key, Tier: "default", Ingress: rules[i:min(i+1000, len(rules))]}
		for j, r := range pol.Ingress {
			r.Index = j
			r.ID = model.RuleID(i + j + 1)
		}
		tier.Policies = append(tier.Policies, pol)
		p.Policies = append(p.Policies, pol)
	}
	g.Tiers = []ir.Tier{tier}
	e := &ir.Endpoint{Key: model.Key{Kind: model.KindHostEndpoint, Name: "h"}, Interface: "f0"}
	e.Ingress[model.LayerForward] = g
	p.Groups, p.Endpoints = []*ir.Group{g}, []*ir.Endpoint{e}
	return p
}

// action is Allow or Deny, in turns.
func action(i int) model.Action {
	if i%2 == 0 {
		return model.Allow
	}
	return model.Deny
}

func classbenchLoad(name string, filters []classbench.Filter, costs *blocks.Costs) *load {
	r := rand.New(rand.NewPCG(7, 7))
	rules := make([]*ir.Rule, len(filters))
	for i := range filters {
		rules[i] = &ir.Rule{Action: action(i), Match: filters[i].Match()}
	}
	l := &load{name: name, program: program(rules), group: lower.Walk, costs: costs}
	for len(filters) > 0 && len(l.packets) < 8192 {
		if f := &filters[r.IntN(len(filters))]; f.Forwardable() {
			l.packets = append(l.packets, f.Packet(r))
		}
	}
	return l
}

// generate makes rules of net, protocol and port.
func generate(n int, seed uint64) []classbench.Filter {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]classbench.Filter, n)
	for i := range out {
		bits := []int{16, 20, 22, 24, 24, 24, 26, 28, 32, 32}[r.IntN(10)]
		a := pktgen.Addr4(uint32(r.IntN(200)+10)<<24 | uint32(r.IntN(1<<24)))
		if a.IsLoopback() {
			a = pktgen.Addr4(10 << 24)
		}
		port := uint16(r.IntN(2000) + 1)
		f := classbench.Filter{Src: netip.PrefixFrom(a, bits).Masked(), Dst: netip.MustParsePrefix("0.0.0.0/0"), SrcPorts: ir.PortRange{Max: 65535},
			DstPorts: ir.PortRange{Min: port, Max: port}, Protocol: model.ProtoTCP}
		if r.IntN(3) == 0 {
			f.Protocol = model.ProtoUDP
		}
		if r.IntN(10) == 0 {
			f.DstPorts.Max = port + uint16(r.IntN(100))
		}
		out[i] = f
	}
	return out
}

func (o *options) generated(counts []string) error {
	var loads []*load
	for _, c := range counts {
		n, err := strconv.Atoi(c)
		if err != nil {
			return err
		}
		filters := generate(n, 5)
		for _, set := range strings.Split(o.costs, ";") {
			c, err := costsOf(set)
			if err != nil {
				return err
			}
			loads = append(loads, classbenchLoad(fmt.Sprintf("%d rules %s", n, set), filters, &c))
		}
		if o.plain {
			for _, a := range []model.Action{model.Allow, model.Deny} {
				l := *loads[len(loads)-1]
				l.name, l.program = fmt.Sprintf("%d only %s", n, a), program([]*ir.Rule{{Action: a}})
				loads = append(loads, &l)
			}
		}
		if o.linear && n <= 1000 {
			loads = append(loads, classbenchLoad(fmt.Sprintf("%d linear", n), filters, nil))
		}
	}
	return o.run(loads)
}

// costsOf is the default cost model with some values changed.
func costsOf(text string) (blocks.Costs, error) {
	c := blocks.DefaultCosts()
	for f := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' }) {
		name, value, _ := strings.Cut(f, "=")
		v, err := strconv.ParseFloat(value, 64)
		field := reflect.ValueOf(&c).Elem().FieldByName(name)
		if err != nil || !field.IsValid() {
			return c, fmt.Errorf("cost %q", f)
		}
		if field.Kind() == reflect.Int {
			field.SetInt(int64(v))
		} else {
			field.SetFloat(v)
		}
	}
	return c, nil
}

func (o *options) classbench(dir string, sets []string) error {
	for _, s := range sets {
		filters, err := classbench.Open(filepath.Join(dir, s+".gz"))
		if err != nil {
			return err
		}
		filters = slices.DeleteFunc(filters, func(f classbench.Filter) bool { return !f.Forwardable() })
		var loads []*load
		for i, text := range strings.Split(o.costs, ";") {
			c, err := costsOf(text)
			if err != nil {
				return err
			}
			if i == 0 {
				loads = append(loads, classbenchLoad(s+" first 10", filters[:10:10], &c))
			}
			loads = append(loads, classbenchLoad(s+" "+text, filters, &c))
		}
		if o.plain {
			open := classbenchLoad(s+" allow all", nil, nil)
			open.program = program([]*ir.Rule{{Action: model.Allow}})
			open.packets = loads[1].packets
			loads = append(loads, open)
		}
		err = o.run(loads)
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *options) run(loads []*load) error {
	for _, l := range loads {
		start := time.Now()
		var reports []lower.Report
		if l.costs != nil {
			l.group = lower.BlocksExplained(*l.costs, func(r lower.Report) { reports = append(reports, r) })
		}
		low := lower.Lower(l.program, lower.Options{Group: l.group})
		took := time.Since(start)
		if err := low.Validate(); err != nil {
			return err
		}
		n := low.Size()
		l.size = n
		fmt.Printf("%-30s lowered in %4d ms: %d chains, %d rules, %d sets, %d elements", l.name, took.Milliseconds(), n.Chains, n.Rules, n.Sets, n.Elements)
		for _, r := range reports {
			if r.Version == 4 {
				fmt.Printf(", expected %.0f ns, %d redundant, cuts %v into %v, %d pipapo, %d hash, %d plain", r.Expected, len(r.Redundant), r.Cuts, r.Regions, r.Boxes, r.Hash, r.Plain)
				l.report = r
			}
		}
		if o.text {
			fmt.Println()
			fmt.Println(low.Text())
		}
		if o.dry {
			fmt.Println()
			continue
		}
		var err error
		if l.path, err = newPath(); err != nil {
			return err
		}
		defer l.path.close()
		b, err := nft.New(nft.Config{NetNS: l.path.fw.FD(), Group: l.group})
		if err != nil {
			return err
		}
		defer b.Close()
		start = time.Now()
		if _, err := b.Apply(context.Background(), l.program); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		fmt.Printf(", in force in %d ms\n", time.Since(start).Milliseconds())
		flows := make([]pktgen.Flow, min(o.flows, len(l.packets)))
		for i, p := range l.packets[:len(flows)] {
			flows[i].Packet = p
		}
		if l.gen, err = l.path.generator(flows); err != nil {
			return err
		}
		defer l.gen.Close()
	}
	if o.dry {
		return nil
	}
	shares := make([]float64, len(loads))
	for range o.rounds {
		for i, l := range loads {
			ns, share, err := l.path.rate(l.gen, 40*time.Millisecond)
			if err != nil {
				return err
			}
			l.ns = append(l.ns, ns)
			shares[i] = share
		}
	}
	for i, l := range loads {
		ratios := make([]float64, len(l.ns))
		for k := range ratios {
			ratios[k] = loads[0].ns[k] / l.ns[k]
		}
		slices.Sort(ratios)
		fmt.Printf("%-30s %5.0f ns a packet, %.2f allowed, rate against the first %.2f (%.2f to %.2f); best %.0f ns, %.2f\n",
			l.name, median(l.ns), shares[i], ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1],
			slices.Min(l.ns), slices.Min(loads[0].ns)/slices.Min(l.ns))
	}
	if o.fit {
		for _, l := range loads {
			w := l.report.Work
			fmt.Printf("FIT %q extra %.0f hash %.2f array %.2f boxes %.2f hashmaps %.2f boxmaps %.2f fields %.2f groups %.2f lines %.2f alive %.2f rules %.2f elements %d allrules %d sets %d\n",
				l.name, slices.Min(l.ns)-slices.Min(loads[len(loads)-1].ns), w.Hash, w.Array, w.Boxes, w.HashMaps, w.BoxMaps, w.Fields, w.Groups, w.Lines, w.Alive, w.Rules, l.size.Elements, l.size.Rules, l.size.Sets)
		}
	}
	return nil
}

func median(x []float64) float64 {
	y := slices.Clone(x)
	slices.Sort(y)
	return y[len(y)/2]
}
