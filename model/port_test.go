package model

import "testing"

func TestWhatIsNoPortSaysHowItIsWritten(t *testing.T) {
	const names = "a port is a number, a range such as 80:90, or a name of letters, digits and '-'"
	for _, c := range []struct{ text, want string }{
		{"80:70", "minimum port number (80) is greater than maximum port number (70) in port range: the range is written 70:80"},
		{"80:", "invalid name for named port (80:): a port range has two ends, as in 80:65535"},
		{":80", "invalid name for named port (:80): a port range has two ends, as in 1:80"},
		{"80,443", "invalid name for named port (80,443): each port is an item of the list by itself: 80, 443"},
		{"22, 80:90;443", "invalid name for named port (22, 80:90;443): each port is an item of the list by itself: 22, 80:90, 443"},
		{"80 - 70", "invalid name for named port (80 - 70): a port range is written 70:80"},
		{"9 : 10", "invalid name for named port (9 : 10): a port range is written 9:10"},
		{"70–80", "invalid name for named port (70–80): a port range is written 70:80"},
		{"70000", "invalid port format (70000): a port number is a whole number from 1 to 65535"},
		{"1:70000", "invalid maximum port number in range (1:70000): a port number is a whole number from 1 to 65535"},
		{"+80", "invalid name for named port (+80): a port number is a whole number from 1 to 65535"},
		{"tcp/80", "invalid name for named port (tcp/80): the protocol is a field of the rule, not of its ports"},
		{"*", "invalid name for named port (*): a rule without ports is about all of them"},
		{"bad port", "invalid name for named port (bad port): " + names},
		{"", "invalid name for named port (): " + names},
	} {
		if p, err := ParsePort(c.text); err == nil || err.Error() != c.want {
			t.Errorf("%q is %v, %v, want the error %s", c.text, p, err, c.want)
		}
	}
	for _, number := range []string{"-1", "80.5", "8e1", "65536"} {
		want := "invalid port format (" + number + "): a port number is a whole number from 1 to 65535"
		if err := new(Port).UnmarshalJSON([]byte(number)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", number, err, want)
		}
	}
}
