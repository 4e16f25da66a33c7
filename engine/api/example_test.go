package api_test

import (
	"context"
	"errors"
	"fmt"

	"rampart/engine/api"
)

func ExampleClient() {
	_, err := api.NewClient("/nonexistent/rampart.sock").Status(context.Background(), true)
	fmt.Println(errors.Is(err, api.ErrNoDaemon))
	// Output: true
}
