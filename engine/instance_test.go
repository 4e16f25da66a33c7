package engine

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestClaimIsExclusive(t *testing.T) {
	table := fmt.Sprintf("test/%d", os.Getpid())
	first, err := Claim(table)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = Claim(table); !errors.Is(err, ErrSecondInstance) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("second claim: %v", err)
	}
	other, err := Claim(table + "/other")
	if err != nil {
		t.Errorf("another table: %v", err)
	}
	other.Close()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Claim(table)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	again.Close()
}
