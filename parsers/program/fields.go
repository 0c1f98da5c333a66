package program

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Unused is the names in a config's `fields:` that no part of the format has had yet.
type Unused map[string]bool

// NewUnused returns all names of fields.
func NewUnused(fields map[string]field.Op) Unused {
	u := Unused{}
	for name := range fields {
		u[name] = true
	}
	return u
}

// Use takes name off.
func (u Unused) Use(name string) { delete(u, name) }

// Err names the first of those left, nil when there are none. what is put before the name.
func (u Unused) Err(what string) error {
	if len(u) == 0 {
		return nil
	}
	return fmt.Errorf("fields: the format has no %s%.200s", what, slices.Min(slices.Collect(maps.Keys(u))))
}

// PreferMapped leaves aside what would fill a field that the config's fields fill already. nameOf returns what an op is called
// there.
func (p *Program) PreferMapped(fields map[string]field.Op, nameOf func(*Op) string) {
	var taken [record.NumFields]bool
	for _, op := range fields {
		taken[op.Field] = true
	}
	for i := range p.Ops {
		op := &p.Ops[i]
		if _, mapped := fields[nameOf(op)]; !mapped && op.Field != record.NoField && taken[op.Field] {
			op.Action = field.Skip
		}
	}
}
