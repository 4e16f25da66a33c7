package blocks

import (
	"math/bits"

	"rampart/engine/ir/span"
)

// mix is the finaliser of MurmurHash3.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// hashValue and hashSet tell values and sets apart.
func hashValue(v span.Value) uint64 { return mix(v.Hi ^ mix(v.Lo)) }

func hashSet(s span.Set) uint64 {
	if s == nil {
		return 1
	}
	h := uint64(len(s)) + 2
	for _, r := range s {
		h = bits.RotateLeft64(h, 5)*0x9e3779b97f4a7c15 ^ hashValue(r.Lo) ^ bits.RotateLeft64(hashValue(r.Hi), 17)
	}
	return mix(h)
}

// pick is a value of the set chosen by h.
func pick(s span.Set, h uint64, width int) span.Value {
	r := span.All(width)
	if len(s) > 0 {
		r = s[h%uint64(len(s))]
		h = mix(h)
	}
	// Uniform within the largest power of two that fits is near enough for a sample.
	size := 0
	for size < width && !r.Hi.Less(r.Lo.Plus(span.Max(size+1))) {
		size++
	}
	m := span.Max(size)
	return r.Lo.Plus(span.Value{Hi: mix(h) & m.Hi, Lo: h & m.Lo})
}
