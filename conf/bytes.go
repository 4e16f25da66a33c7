package conf

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is an amount of memory. It is written as a number of bytes or with a unit: "2GiB", "512MiB", "1000000".
type Bytes int64

var errBytes = errors.New(`an amount of memory is a whole number with KiB, MiB or GiB, or a number of bytes: "512MiB"`)

var byteUnits = []struct {
	name string
	n    Bytes
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

// ParseBytes reads an amount.
func ParseBytes(s string) (Bytes, error) {
	for _, u := range byteUnits {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/int64(u.n) {
			break
		}
		return Bytes(n) * u.n, nil
	}
	return 0, fmt.Errorf("%q is none: %w", s, errBytes)
}

// String is the form a configuration has, with the largest unit that divides the amount.
func (b Bytes) String() string {
	for _, u := range byteUnits {
		if b != 0 && b%u.n == 0 {
			return fmt.Sprintf("%d%s", b/u.n, u.name)
		}
	}
	return "0"
}

// MarshalText implements encoding.TextMarshaler.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = ParseBytes(string(text))
	return err
}

// Noun names the type in messages.
func (Bytes) Noun() string { return "amount of memory" }
