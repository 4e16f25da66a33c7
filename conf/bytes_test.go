package conf

import "testing"

func TestParseBytes(t *testing.T) {
	for in, want := range map[string]string{
		"2GiB": "2GiB", "512MiB": "512MiB", "1024MiB": "1GiB", "1536 KiB": "1536KiB", "1000000": "1000000", "0": "0", "1048576": "1MiB",
	} {
		b, err := ParseBytes(in)
		if err != nil || b.String() != want {
			t.Errorf("%s: %s, %v, want %s", in, b, err, want)
		}
	}
	for _, in := range []string{"", "GiB", "-1", "1.5GiB", "1GB", "1G", "9223372036854775807KiB", "1 0", "0x10"} {
		if b, err := ParseBytes(in); err == nil {
			t.Errorf("%q is read as %s", in, b)
		}
	}
}
