package store_test

import (
	"fmt"

	"rampart/model"
	"rampart/model/store"
)

func Example() {
	policy := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	policy.Metadata.Name = "allow-ssh"
	s := store.New()
	change, err := s.Apply(&model.Bundle{Source: "files", Revision: "1", Resources: []model.Resource{policy}})
	if err != nil {
		panic(err)
	}
	fmt.Println("added", change.Added)
	for p := range s.View().Policies() {
		fmt.Println(p.Key(), "in tier", p.TierName())
	}
	// Output:
	// added [GlobalNetworkPolicy/allow-ssh]
	// GlobalNetworkPolicy/allow-ssh in tier default
}
