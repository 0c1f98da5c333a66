package filter

import "github.com/gatemeter/gatemeter/pipeline/record"

// Fields returns the fields that the rules look at.
func (s *Set) Fields() record.FieldSet {
	var fields record.FieldSet
	for i := range s.rules {
		for j := range s.rules[i].tests {
			fields |= record.Fields(s.rules[i].tests[j].field)
		}
	}
	return fields
}
