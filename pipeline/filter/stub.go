package filter

import "github.com/gatemeter/gatemeter/pipeline/record"

// Set is a temporary stub: delete this file when the real one is written.
type Set struct{}

func (*Set) Apply(r *record.Record) {}
