package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

// packetJSON is the JSON form of a Packet: {"src":…,"dst":…,"protocol":6,"sport":…,"dport":…}. The protocol is a number
// or a name in any case.
type packetJSON struct {
	Src      netip.Addr   `json:"src"`
	Dst      netip.Addr   `json:"dst"`
	Protocol *probeProto  `json:"protocol"`
	SrcPort  uint16       `json:"sport,omitempty"`
	DstPort  uint16       `json:"dport,omitempty"`
	ICMPType uint8        `json:"icmpType,omitempty"`
	ICMPCode uint8        `json:"icmpCode,omitempty"`
	Fragment bool         `json:"fragment,omitempty"`
	HTTP     *HTTPRequest `json:"http,omitempty"`
}

type probeProto uint8

// UnmarshalJSON implements json.Unmarshaler.
func (p *probeProto) UnmarshalJSON(b []byte) error {
	n, err := ParseProtocolLabel(strings.Trim(string(b), `"`))
	*p = probeProto(n)
	return err
}

// MarshalJSON implements json.Marshaler.
func (p Packet) MarshalJSON() ([]byte, error) {
	proto := probeProto(p.Protocol)
	return json.Marshal(packetJSON{p.Src, p.Dst, &proto, p.SrcPort, p.DstPort, p.ICMPType, p.ICMPCode, p.Fragment, p.HTTP})
}

// UnmarshalJSON implements json.Unmarshaler. Unknown fields and impossible packets are errors.
func (p *Packet) UnmarshalJSON(b []byte) error {
	var j packetJSON
	if err := UnmarshalStrict(b, &j); err != nil {
		return err
	}
	if j.Protocol == nil {
		return errors.New("packet has no protocol")
	}
	*p = Packet{j.Src, j.Dst, uint8(*j.Protocol), j.SrcPort, j.DstPort, j.ICMPType, j.ICMPCode, j.Fragment, j.HTTP}
	return p.Valid()
}

// probeJSON is the JSON form of a Probe.
type probeJSON struct {
	Endpoint  string  `json:"endpoint"`
	Direction string  `json:"direction"`
	Hook      string  `json:"hook,omitempty"`
	Packet    *Packet `json:"packet"`
}

// MarshalJSON implements json.Marshaler.
func (p Probe) MarshalJSON() ([]byte, error) {
	return json.Marshal(probeJSON{p.Endpoint.String(), strings.ToLower(string(p.Direction)), p.Layer.String(), &p.Packet})
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Probe) UnmarshalJSON(b []byte) (err error) {
	var j probeJSON
	if err := UnmarshalStrict(b, &j); err != nil {
		return err
	}
	if p.Endpoint, err = ParseKey(j.Endpoint); err != nil {
		return err
	}
	if p.Direction, err = ParseDirection(j.Direction); err != nil {
		return err
	}
	var ok bool
	if p.Layer, ok = ParseLayer(j.Hook); !ok {
		return fmt.Errorf("hook %q is not one of normal, forward, preDNAT, untracked", j.Hook)
	}
	if j.Packet == nil {
		return errors.New("probe has no packet")
	}
	p.Packet = *j.Packet
	return nil
}

// ParseDirection reads ingress or egress in any case.
func ParseDirection(s string) (Direction, error) {
	for _, d := range Directions() {
		if strings.EqualFold(s, string(d)) {
			return d, nil
		}
	}
	return "", fmt.Errorf("direction %q is neither ingress nor egress", s)
}

// ParseKey reads "Kind/namespace/name", or "Kind/name" for a kind without namespaces or in the namespace "default". The
// kind may be one of its aliases.
func ParseKey(s string) (Key, error) {
	word, name, ok := strings.Cut(s, "/")
	if !ok || name == "" {
		return Key{}, fmt.Errorf("%q is not Kind/namespace/name or Kind/name", s)
	}
	kind, ok := ParseKind(word)
	if !ok {
		return Key{}, fmt.Errorf("%q: unknown kind %q", s, word)
	}
	k := Key{Kind: kind, Name: name}
	if kind.Namespaced() {
		k.Namespace = DefaultNamespace
		if ns, rest, ok := strings.Cut(name, "/"); ok {
			k.Namespace, k.Name = ns, rest
		}
	}
	if k.Name == "" || strings.Contains(k.Name, "/") || kind.Namespaced() && k.Namespace == "" {
		return Key{}, fmt.Errorf("%q is not Kind/namespace/name or Kind/name", s)
	}
	return k, nil
}

// UnmarshalStrict decodes one JSON value and refuses unknown fields and anything after the value.
func UnmarshalStrict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return plainJSONError(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("text after the JSON value")
	}
	return nil
}

// plainJSONError says the same without naming Go's types.
func plainJSONError(err error) error {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) && t.Field != "" {
		return fmt.Errorf("%s: %s is not allowed here", t.Field, t.Value)
	}
	if text, ok := strings.CutPrefix(err.Error(), "json: "); ok {
		return errors.New(text)
	}
	return err
}
