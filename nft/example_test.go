package nft_test

import (
	"fmt"
	"strings"

	"rampart/model"
	"rampart/nft"
)

func ExampleRender() {
	text, err := nft.Render(egress(options, udp(model.Allow, 53)))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, line := range strings.Split(text, "\n") {
		if rule, comment, ok := strings.Cut(strings.TrimSpace(line), " comment "); ok && strings.Contains(comment, ":out[0]") {
			fmt.Println(rule)
		}
	}
	// Output: udp dport 53 counter packets 0 bytes 0 accept
}
