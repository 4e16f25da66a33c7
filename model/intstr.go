package model

import "encoding/json"

// numberOrString takes a JSON number, as written, or the content of a JSON string: Calico's int-or-string fields. Null is
// the empty string.
func numberOrString(b []byte) (text string, isNumber bool, err error) {
	if len(b) > 0 && b[0] == '"' {
		err = json.Unmarshal(b, &text)
		return text, false, err
	}
	var n json.Number
	err = json.Unmarshal(b, &n)
	return string(n), n != "", err
}

func marshalNumberOrString(text string) ([]byte, error) {
	if digits.MatchString(text) {
		return []byte(text), nil
	}
	return json.Marshal(text)
}
