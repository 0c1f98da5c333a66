package record

// FieldSet is a set of fields. The zero FieldSet is empty.
type FieldSet uint64

// An array of negative length when there are more fields than bits.
var _ [64 - NumFields]struct{}

// Fields returns the set of fields.
func Fields(fields ...Field) FieldSet {
	var s FieldSet
	for _, f := range fields {
		s |= 1 << f
	}
	return s
}

// Has reports whether f is in s.
func (s FieldSet) Has(f Field) bool { return s>>f&1 == 1 }

// Any reports whether s and other have a field in common.
func (s FieldSet) Any(other FieldSet) bool { return s&other != 0 }
