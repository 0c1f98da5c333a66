// Package auto reads lines of any format that can be told from the line itself: JSON by gateways or with well-known keys, and the
// family of the Common Log Format with what servers put before and behind it.
//
// What it makes of a line depends on the line alone. Workers read batches of one file in any order, and a restart reads them
// again: a parser that remembered which format came last would give other numbers then.
package auto

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/apache"
	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/jsonlog"
	"github.com/gatemeter/gatemeter/parsers/kong"
	"github.com/gatemeter/gatemeter/parsers/nginx"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/parsers/userjson"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Formats is what the parsers of all workers share. It is not changed by use.
type Formats struct {
	json   *userjson.Mapping
	signs  *jsonlog.Signs
	logs   []*jsonlog.Format
	apisix *program.Program
	ssl    *program.Program
}

// Compile prepares the formats.
func Compile() (*Formats, error) {
	f := &Formats{json: userjson.NewMapping(nil), signs: jsonlog.NewSigns()}
	for _, name := range jsonlog.Names() {
		f.logs = append(f.logs, jsonlog.Compile(name))
	}
	var err error
	if f.apisix, err = nginx.Compile(nginx.APISIX, "", nil); err != nil {
		return nil, err
	}
	f.apisix.Name, f.apisix.Kind = "apisix_nginx", "apisix"
	if f.ssl, err = apache.Compile(apache.SSLRequest, nil); err != nil {
		return nil, err
	}
	f.ssl.Name = "ssl_request"
	return f, nil
}

// Parser reads lines. It is used by one goroutine.
type Parser struct {
	kong   *kong.Parser
	json   *userjson.Parser
	detect *jsonlog.Detector
	logs   []*jsonlog.Parser
	apisix *program.Parser
	ssl    *program.Parser

	reader  field.Reader
	arena   []byte // unescaped text, valid until Reset
	escaped bool   // the line at hand has a backslash
	format  string // of the last line that was read
}

// New returns a parser.
func New(f *Formats) *Parser {
	p := &Parser{
		kong: kong.New(), json: userjson.New(f.json), detect: jsonlog.NewDetector(f.signs),
		apisix: program.NewParser(f.apisix), ssl: program.NewParser(f.ssl),
	}
	for _, format := range f.logs {
		p.logs = append(p.logs, jsonlog.New(format))
	}
	return p
}

// Format returns the name of the format that the line parsed last was read as, "" when it was none.
func (p *Parser) Format() string { return p.format }

// Reset forgets the bytes that records of the batch before pointed to.
func (p *Parser) Reset(partition *batch.Partition) {
	p.arena = p.arena[:0]
	p.kong.Reset(partition)
	p.json.Reset(partition)
	for _, l := range p.logs {
		l.Reset(partition)
	}
	p.apisix.Reset(partition)
	p.ssl.Reset(partition)
}

// Parse reads each record's Line.
func (p *Parser) Parse(recs []record.Record) {
	for i := range recs {
		p.read(&recs[i])
	}
}

func (p *Parser) read(r *record.Record) {
	p.format = ""
	switch line := r.Line; line[0] {
	case '{', 0xEF:
		p.readJSON(r)
	case '[':
		if len(line) > 1 && line[1] == '{' {
			p.readJSON(r) // a logger's batch
			break
		}
		if len(line) > len("[10/Oct/2000:13:55:36 -0700]") && line[27] == ']' {
			p.ssl.Read(r)
			p.format = p.ssl.Format()
			break
		}
		p.readCLF(r) // of a client with an IPv6 address in brackets
	default:
		p.readCLF(r)
	}
	if r.Reason != record.None {
		p.format = ""
	}
}

// reread empties r but for what the pipeline has set.
func reread(r *record.Record) {
	line, offset := r.Line, r.Offset
	r.Reset()
	r.Line, r.Offset = line, offset
}

// text returns v with its escapes undone: nginx's, which are some of Apache's.
func (p *Parser) text(v []byte) []byte {
	if !p.escaped || bytes.IndexByte(v, '\\') < 0 {
		return v
	}
	start := len(p.arena)
	p.arena = escape.Append(p.arena, v, escape.C)
	return p.arena[start:len(p.arena):len(p.arena)]
}
