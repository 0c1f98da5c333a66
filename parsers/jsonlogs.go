package parsers

import (
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/jsonlog"
	"github.com/gatemeter/gatemeter/parsers/userjson"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// jsonLog returns what compiles the format of package jsonlog called name.
func jsonLog(name string) func(map[string]field.Op) (func() Parser, error) {
	return func(fields map[string]field.Op) (func() Parser, error) {
		f := jsonlog.Compile(name)
		if f == nil {
			panic("BUG: there is no JSON format " + name)
		}
		return overlaid(func() Parser { return jsonlog.New(f) }, fields), nil
	}
}

// overlaid returns newParser, whose lines are JSON, or what makes parsers that put fields over what newParser's read.
func overlaid(newParser func() Parser, fields map[string]field.Op) func() Parser {
	if len(fields) == 0 {
		return newParser
	}
	m := userjson.OnlyMapping(fields)
	return func() Parser { return &overlay{Parser: newParser(), fields: userjson.New(m)} }
}

// overlay reads lines of JSON, and then once more for what the config maps.
type overlay struct {
	Parser
	fields *userjson.Parser
}

// Reset forgets the bytes that records of the batch before pointed to.
func (o *overlay) Reset(partition *batch.Partition) {
	o.Parser.Reset(partition)
	o.fields.Reset(partition)
}

// Parse reads each record's Line. One that has the object within text keeps what the format made of it.
func (o *overlay) Parse(recs []record.Record) {
	o.Parser.Parse(recs)
	for i := range recs {
		r := &recs[i]
		object, before := jsonlog.Object(r.Line)
		if r.Reason != record.None || len(object) == 0 || object[0] != '{' && object[0] != 0xEF {
			continue
		}
		line := r.Line
		r.Line = object
		if !o.fields.Overlay(r) && r.Column > 0 {
			r.Column += int32(before)
		}
		r.Line = line
	}
}
