// Package wso2 reads the HTTP access log of WSO2 API Manager's gateway: the Common Log Format with a dash before it. It has two lines
// for each call: the request, without a status, and the response, `"- - " 200`, without anything else. The request counts; the
// other is passed over, for nothing in it says which request it answers.
//
// Source: WSO2's documentation "Monitoring HTTP access logs".
package wso2

import (
	"github.com/gatemeter/gatemeter/parsers/apache"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Compile returns the program of a line without its dash. The time is the request's start.
func Compile() (*program.Program, error) {
	p, err := apache.Compile(apache.Combined, nil)
	if err != nil {
		return nil, err
	}
	p.Name, p.Kind = "wso2", "wso2"
	return p, nil
}

// Parser reads lines. It is used by one goroutine.
type Parser struct{ program *program.Parser }

// New returns a parser.
func New(p *program.Program) *Parser { return &Parser{program.NewParser(p)} }

// Format returns the format's name.
func (p *Parser) Format() string { return p.program.Format() }

// Reset forgets the bytes that records of the batch before pointed to.
func (p *Parser) Reset(partition *batch.Partition) { p.program.Reset(partition) }

// Parse reads each record's Line.
func (p *Parser) Parse(recs []record.Record) {
	for i := range recs {
		p.Read(&recs[i])
	}
}

// Is reports whether line begins with the dash and an address.
func Is(line []byte) bool {
	return len(line) > 3 && line[0] == '-' && line[1] == ' ' && line[2] != '-' && line[2] != '['
}

// Read reads r.Line into r, which is empty but for its Line and Offset, or fails it.
func (p *Parser) Read(r *record.Record) {
	line := r.Line
	if Is(line) {
		r.Line = line[2:]
	}
	p.program.Read(r)
	if r.Reason != record.None && r.Column > 0 {
		r.Column += int32(len(line) - len(r.Line))
	}
	r.Line = line
	if r.Reason == record.None && len(r.Method) == 0 && len(r.URL) == 0 {
		field.Pass(r)
	}
}
