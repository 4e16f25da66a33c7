package lab_test

import (
	"context"
	"fmt"
	"log"

	"rampart/bench/lab"
	"rampart/model"
)

// A firewall between a client and a few workloads, one nft rule, and two packets.
func Example() {
	l, err := lab.New()
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	top, err := lab.Build(l, lab.Usual())
	if err != nil {
		log.Fatal(err)
	}
	const rules = `table inet example {
	chain forward { type filter hook forward priority 0; sctp dport 5061 drop; }
}
`
	if _, err := top.Firewall.Run(context.Background(), rules, "nft", "-f", "-"); err != nil {
		log.Fatal(err)
	}
	p, err := lab.NewProber(top)
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	for _, port := range []uint16{5060, 5061} {
		at, err := p.Send(lab.Probe{From: "client", Packet: model.Packet{
			Src: top.Peer("client").Addr(4), Dst: top.Peer("db").Addr(4), Protocol: model.ProtoSCTP, SrcPort: 40000, DstPort: port,
		}})
		if err != nil {
			log.Fatal(err)
		}
		if at[0] == "" {
			at[0] = "nowhere"
		}
		fmt.Printf("SCTP to port %d arrives at: %s\n", port, at[0])
	}
	// Prints, when root runs it:
	// SCTP to port 5060 arrives at: db
	// SCTP to port 5061 arrives at: nowhere
}
