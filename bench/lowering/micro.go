package main

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"time"

	"rampart/bench/pktgen"
	"rampart/model"
)

func micro() error {
	type v struct {
		name string
		m    int
		leaf string
		n    int
	}
	var vs []v
	for _, m := range []int{1, 16, 64, 256, 1024} {
		for _, leaf := range []string{"none", "pip5", "pip3", "hash5", "lin4", "lin8"} {
			n := 64
			vs = append(vs, v{fmt.Sprintf("%d regions, %s", m, leaf), m, leaf, n})
		}
	}
	vs = append(vs, v{"64 regions, pip5 n=512", 64, "pip5", 512}, v{"16 regions, pip5 n=2048", 16, "pip5", 2048}, v{"256 regions, pip5 n=256", 256, "pip5", 256})
	r := rand.New(rand.NewPCG(3, 4))
	paths := make([]*path, len(vs))
	gens := make([]*pktgen.Generator, len(vs))
	for i, x := range vs {
		var err error
		if paths[i], err = newPath(); err != nil {
			return err
		}
		defer paths[i].close()
		bits := 24
		for 1<<(32-bits) < 1<<20/x.m*1 && bits > 12 {
			bits--
		}
		// region i: 10.0.0.0/12 split in m
		size := uint32(1<<20) / uint32(x.m)
		var b, chains strings.Builder
		fmt.Fprintf(&b, "flush ruleset\ntable inet t {\n")
		pb := 32
		for 1<<(32-pb) < int(size) {
			pb--
		}
		var flows []pktgen.Flow
		elems := make([]strings.Builder, x.m)
		for k := range 8192 {
			reg := r.IntN(x.m)
			p := model.Packet{Src: pktgen.Addr4(10<<24 | uint32(reg)*size | uint32(r.IntN(int(size)))), Dst: pktgen.Addr4(20<<24 | uint32(r.IntN(x.n))<<8), Protocol: 17, SrcPort: uint16(1000 + r.IntN(8)), DstPort: uint16(1 + r.IntN(8))}
			flows = append(flows, pktgen.Flow{Packet: p})
			_ = k
		}
		for reg := range x.m {
			base := 10<<24 | uint32(reg)*size
			pf := fmt.Sprintf("%s/%d", pktgen.Addr4(base), pb)
			var e strings.Builder
			for k := range x.n {
				d := fmt.Sprintf("%s/24", pktgen.Addr4(20<<24|uint32(k)<<8))
				if k > 0 {
					e.WriteString(",\n")
				}
				switch x.leaf {
				case "pip5":
					fmt.Fprintf(&e, "%s . %s . udp . 1000-1007 . 1-8 : accept", d, pf)
				case "pip3":
					fmt.Fprintf(&e, "%s . udp . 1-8 : accept", d)
				case "hash5":
					fmt.Fprintf(&e, "%s . %s . udp . %d . %d : accept", pktgen.Addr4(20<<24|uint32(k)<<8), pktgen.Addr4(base), 1000+k%8, 1+k%8)
				}
			}
			switch x.leaf {
			case "pip5":
				fmt.Fprintf(&b, "map m%d { type ipv4_addr . ipv4_addr . inet_proto . inet_service . inet_service : verdict\n flags interval\n elements = { %s }\n}\n", reg, e.String())
				fmt.Fprintf(&chains, "chain c%d { ip daddr . ip saddr . meta l4proto . th sport . th dport vmap @m%d\n}\n", reg, reg)
			case "pip3":
				fmt.Fprintf(&b, "map m%d { type ipv4_addr . inet_proto . inet_service : verdict\n flags interval\n elements = { %s }\n}\n", reg, e.String())
				fmt.Fprintf(&chains, "chain c%d { ip daddr . meta l4proto . th dport vmap @m%d\n}\n", reg, reg)
			case "hash5":
				fmt.Fprintf(&b, "map m%d { type ipv4_addr . ipv4_addr . inet_proto . inet_service . inet_service : verdict\n size 128\n elements = { %s }\n}\n", reg, e.String())
				fmt.Fprintf(&chains, "chain c%d { ip daddr . ip saddr . meta l4proto . th sport . th dport vmap @m%d\n}\n", reg, reg)
			case "lin4", "lin8":
				fmt.Fprintf(&chains, "chain c%d {\n", reg)
				for k := range map[string]int{"lin4": 4, "lin8": 8}[x.leaf] {
					fmt.Fprintf(&chains, "ip daddr 30.0.%d.0/24 udp sport 1-8 udp dport %d accept\n", k, k+1)
				}
				chains.WriteString("}\n")
			default:
				fmt.Fprintf(&chains, "chain c%d { }\n", reg)
			}
			if reg > 0 {
				elems[0].WriteString(",\n")
			}
			fmt.Fprintf(&elems[0], "%s . 0-255 : goto c%d", pf, reg)
		}
		text := b.String() + chains.String() + "map d { type ipv4_addr . inet_proto : verdict\n flags interval\n elements = { " + elems[0].String() + " }\n}\n" +
			"chain f { type filter hook forward priority 0;\n ct state established,related accept\n ct state invalid drop\n ip saddr . meta l4proto vmap @d\n}\n}\n"
		cmd := exec.Command("nft", "-f", "-")
		cmd.Stdin = strings.NewReader(text)
		if err := paths[i].fw.Do(func() error {
			out, err := cmd.CombinedOutput()
			if err != nil {
				fmt.Println(x.name, string(out[:min(300, len(out))]))
			}
			return err
		}); err != nil {
			return err
		}
		if gens[i], err = paths[i].generator(flows); err != nil {
			return err
		}
	}
	ns := make([][]float64, len(vs))
	for range 15 {
		for i := range vs {
			n, _, err := paths[i].rate(gens[i], 30*time.Millisecond)
			if err != nil {
				return err
			}
			ns[i] = append(ns[i], n)
		}
	}
	for i, x := range vs {
		fmt.Printf("%-28s %5.0f (best %5.0f)  %+5.0f\n", x.name, median(ns[i]), slices.Min(ns[i]), slices.Min(ns[i])-slices.Min(ns[0]))
	}
	return nil
}
