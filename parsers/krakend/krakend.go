// Package krakend compiles the access log of KrakenD, which is that of the Gin framework: columns padded with spaces.
//
//	[GIN] 2022/10/25 - 12:00:01 | 200 |       4.529µs |      172.17.0.1 | GET      "/user/foo"
//
// KrakenD's other lines stand in the same stream: what does not begin with [GIN] is passed over.
//
// Source: KrakenD's documentation of logging, gin's logger.go for the colours that it writes on a terminal.
package krakend

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Compile returns the program. The time is the server's own clock at the request's end, without a zone: it is taken as UTC.
func Compile() (*program.Program, error) {
	layout, err := stamp.NewLayout("%Y/%m/%d - %T")
	if err != nil {
		return nil, err
	}
	op := func(name, literal string, action field.Action, f record.Field) program.Op {
		return program.Op{Name: name, Literal: literal, Padded: true, Op: field.Op{Action: action, Field: f}}
	}
	when := op("time", " |", field.TimeLayout, record.Time)
	when.Layout, when.Length = layout, layout.Len()
	path := op("path", `"`, field.Text, record.URL)
	path.Padded = false // what is in the quotes is the path, spaces too
	p := &program.Program{
		Name: "krakend", Kind: "krakend", Escape: escape.C, Prefix: "[GIN] ",
		Ops: []program.Op{
			when,
			op("status", "|", field.Number, record.Status),
			op("latency", "|", field.SpanSpelled, record.Duration),
			op("client", " | ", field.Text, record.ClientAddress),
			op("method", ` "`, field.Text, record.Method),
			path,
		},
	}
	return p, p.Seal()
}

// Parser reads lines. It is used by one goroutine.
type Parser struct {
	program *program.Parser
	arena   []byte // lines without their colours, valid until Reset
}

// New returns a parser of Compile's program.
func New(p *program.Program) *Parser { return &Parser{program: program.NewParser(p)} }

// Format returns the format's name.
func (p *Parser) Format() string { return p.program.Format() }

// Reset forgets the bytes that records of the batch before pointed to.
func (p *Parser) Reset(partition *batch.Partition) {
	p.arena = p.arena[:0]
	p.program.Reset(partition)
}

// Parse reads each record's Line.
func (p *Parser) Parse(recs []record.Record) {
	for i := range recs {
		p.Read(&recs[i])
	}
}

var prefix = []byte("[GIN] ") // never written

// Read reads r.Line into r, which is empty but for its Line and Offset, or fails it.
func (p *Parser) Read(r *record.Record) {
	line := r.Line
	if bytes.IndexByte(line, escapeByte) >= 0 {
		start := len(p.arena)
		p.arena = appendPlain(p.arena, line)
		r.Line = p.arena[start:len(p.arena):len(p.arena)]
	}
	if bytes.HasPrefix(r.Line, prefix) {
		p.program.Read(r)
	} else {
		field.Pass(r)
	}
	r.Line, r.Column = line, min(r.Column, int32(len(line)))
}

const escapeByte = 0x1b

// appendPlain appends line without the colours, ESC [ … m, that gin writes on a terminal.
func appendPlain(dst, line []byte) []byte {
	for i := 0; i < len(line); i++ {
		if line[i] == escapeByte && i+1 < len(line) && line[i+1] == '[' {
			j := i + 2
			for j < len(line) && (line[j] == ';' || '0' <= line[j] && line[j] <= '9') {
				j++
			}
			if j < len(line) && line[j] == 'm' {
				i = j
				continue
			}
		}
		dst = append(dst, line[i])
	}
	return dst
}
