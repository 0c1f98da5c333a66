// Package auto reads lines of any format that can be told from the line itself: JSON by gateways or with well-known keys, the
// family of the Common Log Format with what servers put before and behind it, and other text whose first bytes or shape say what
// it is. A header of syslog's or a container runtime's before any of them is taken off.
//
// To add a format: what tells its lines in shape.go, a reader in texts (text.go), a row in the table of formats.
//
// What it makes of a line depends on the line alone. Workers read batches of one file in any order, and a restart reads them
// again: a parser that remembered which format came last would give other numbers then.
package auto

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/apache"
	"github.com/gatemeter/gatemeter/parsers/docker"
	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/jsonlog"
	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/parsers/kong"
	"github.com/gatemeter/gatemeter/parsers/nginx"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/parsers/syslog"
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
	stream *program.Program
	texts  [numTexts]func() reader
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
	if f.stream, err = nginx.Compile(nginx.Stream, "", nil); err != nil {
		return nil, err
	}
	f.stream.Name = "kong_stream"
	return f, f.compileTexts()
}

// Parser reads lines. It is used by one goroutine.
type Parser struct {
	kong   *kong.Parser
	json   *userjson.Parser
	detect *jsonlog.Detector
	logs   []*jsonlog.Parser
	apisix *program.Parser
	ssl    *program.Parser
	stream *program.Parser
	texts  [numTexts]reader
	docker docker.Unwrapper
	own    jsonscan.Scanner // of what gateways log about themselves

	reader  field.Reader
	arena   []byte // unescaped text, valid until Reset
	escaped bool   // the line at hand has a backslash
	timeAt  int    // where its time is, when that was looked for; else -1
	format  string // of the last line that was read
	tried   string // what that line looked like, also when it could not be read
}

// New returns a parser.
func New(f *Formats) *Parser {
	p := &Parser{
		kong: kong.New(), json: userjson.New(f.json), detect: jsonlog.NewDetector(f.signs),
		apisix: program.NewParser(f.apisix), ssl: program.NewParser(f.ssl), stream: program.NewParser(f.stream),
	}
	for _, format := range f.logs {
		p.logs = append(p.logs, jsonlog.New(format))
	}
	for i, newReader := range f.texts {
		p.texts[i] = newReader()
	}
	return p
}

// Format returns the name of the format that the line parsed last was read as, "" when it was none.
func (p *Parser) Format() string { return p.format }

// Tried returns the name of the format that the line parsed last begins like, also when it was malformed; "" when it was like none.
func (p *Parser) Tried() string { return p.tried }

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
	p.stream.Reset(partition)
	p.docker.Reset()
	p.own.Reset()
	for _, t := range p.texts {
		t.Reset(partition)
	}
}

// Parse reads each record's Line.
func (p *Parser) Parse(recs []record.Record) {
	for i := range recs {
		p.read(&recs[i])
	}
}

// read reads a line, behind the header that a logger has put before it.
func (p *Parser) read(r *record.Record) {
	p.format = ""
	arrival := r.ArrivalNanos
	line := r.Line
	s := p.headed(r)
	if s != haproxyText {
		r.ArrivalNanos = 0 // with it almost any format would do
	}
	p.readShape(r, s)
	if n := len(line) - len(r.Line); n > 0 {
		r.Line = line
		if r.Column > 0 {
			r.Column += int32(n)
		}
	}
	r.ArrivalNanos = arrival
	p.tried = p.format
	if r.Reason != record.None {
		p.format = ""
	}
}

// headed takes the headers off r.Line and returns the shape of what is left.
func (p *Parser) headed(r *record.Record) shape {
	line := r.Line
	if len(line) > 3 && line[0] == 0xEF && line[1] == 0xBB && line[2] == 0xBF && line[3] != '{' && line[3] != '[' {
		r.Line = line[3:] // a byte order mark, at a file's beginning
	}
	for range maxHeaders {
		n := syslog.Header(r.Line)
		if n == 0 || n >= len(r.Line) {
			break
		}
		r.Line = r.Line[n:]
	}
	var s shape
	s, p.timeAt = shapeOf(r.Line)
	if s == clfLine && len(line) > len(r.Line) && bytes.Contains(line[:len(line)-len(r.Line)], haproxyTag) && timeAt(r.Line) < 0 {
		return haproxyText // its notices, and what it logs without any option
	}
	return s
}

var haproxyTag = []byte("haproxy[") // never written

// maxHeaders is how many headers may stand before a line: a runtime's, and syslog's within.
const maxHeaders = 2

// reread empties r but for what the pipeline has set.
func reread(r *record.Record) { r.Clear() }

// text returns v with its escapes undone: nginx's, which are some of Apache's.
func (p *Parser) text(v []byte) []byte {
	if !p.escaped || bytes.IndexByte(v, '\\') < 0 {
		return v
	}
	start := len(p.arena)
	p.arena = escape.Append(p.arena, v, escape.C)
	return p.arena[start:len(p.arena):len(p.arena)]
}
