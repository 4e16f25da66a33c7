package selector_test

import (
	"fmt"

	"rampart/model/selector"
)

func Example() {
	s, err := selector.Parse(`role == 'database' && tier not in {'test', 'dev', 'test'}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s)
	fmt.Println(s.Matches(selector.Map{"role": "database"}))
	fmt.Println(s.Matches(selector.Map{"role": "database", "tier": "dev"}))

	_, err = selector.Parse(`role = 'database'`)
	fmt.Println(err)
	// Output:
	// (role == "database" && tier not in {"dev", "test"})
	// true
	// false
	// column 6: "=" is not an operator: write "=="
}
