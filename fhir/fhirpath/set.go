package fhirpath

import (
	"hash/maphash"
	"math"
	"strconv"

	"github.com/admitdev/admit/fhir/document"
)

// few is up to how many values are compared in pairs; more are hashed, so that a document with
// many equal-looking elements costs no more than its length.
const few = 16

var seed = maphash.MakeSeed()

// set finds values equal to one that it holds.
type set struct {
	values  Collection
	buckets map[uint64][]int // of values, when there are more than few
}

func (s *set) has(v Value) bool {
	if s.buckets == nil {
		return s.values.has(v)
	}
	for _, i := range s.buckets[hash(v)] {
		if same, known := equal(s.values[i], v); same && known {
			return true
		}
	}
	return false
}

func (s *set) add(v Value) {
	s.values = append(s.values, v)
	switch n := len(s.values); {
	case s.buckets != nil:
		s.buckets[hash(v)] = append(s.buckets[hash(v)], n-1)
	case n > few:
		s.buckets = make(map[uint64][]int, 2*n)
		for i, v := range s.values {
			s.buckets[hash(v)] = append(s.buckets[hash(v)], i)
		}
	}
}

func setOf(values Collection) *set {
	s := &set{}
	for _, v := range values {
		if !s.has(v) {
			s.add(v)
		}
	}
	return s
}

// distinct drops values equal to an earlier one.
func distinct(in Collection) Collection {
	if len(in) < 2 {
		return in
	}
	s := &set{}
	for _, v := range in {
		if !s.has(v) {
			s.add(v)
		}
	}
	return s.values
}

func (c Collection) has(v Value) bool {
	for _, item := range c {
		if same, known := equal(item, v); same && known {
			return true
		}
	}
	return false
}

// hash is the same for values that are equal.
func hash(v Value) uint64 {
	kind, text, ok := v.Primitive()
	switch {
	case !ok:
		return hashNode(v.Node)
	case kind == document.Number:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f == 0 {
			return 0
		}
		return math.Float64bits(f)
	case isDate(v):
		low, _, _ := Interval(text)
		return uint64(low)
	}
	return maphash.String(seed, text)
}

// hashNode does not heed the order of members.
func hashNode(n *document.Node) uint64 {
	if n == nil {
		return 0
	}
	sum := maphash.String(seed, n.String())
	for i := range n.Fields {
		sum += maphash.Comparable(seed, [2]uint64{maphash.String(seed, n.Fields[i].Name), hashNode(n.Fields[i].Value)})
	}
	for _, item := range n.Items {
		sum = maphash.Comparable(seed, [2]uint64{sum, hashNode(item)})
	}
	return sum
}
