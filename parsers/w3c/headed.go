package w3c

import (
	"bytes"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/columns"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Headed reads lines by the `#Fields:` line in force where they stand (batch.Headers), and those that it does not fit, or that have
// none, by their shape. It is used by one goroutine.
type Headed struct {
	shape   *Shape
	fields  map[string]field.Op
	layouts map[string]*layout // by header; nil for one that says nothing

	partition   *batch.Partition
	from, until int64   // where current is in force
	current     *layout // nil: the lines' shape has to do
	format      string
}

// layout is what a header says.
type layout struct {
	parser    *columns.Parser
	separator []byte
	columns   int
}

// maxLayouts bounds how many headers are known at a time.
const maxLayouts = 64

// NewHeaded returns a parser. fields gives columns a place in the record, by name, in the headers that have them.
func NewHeaded(fields map[string]field.Op) *Headed {
	return &Headed{shape: NewShape(), fields: fields, layouts: map[string]*layout{}, format: "iis"}
}

// Format returns the format's name.
func (h *Headed) Format() string { return h.format }

// Reset forgets the bytes that records of the batch before pointed to. Without a partition there are no headers.
func (h *Headed) Reset(partition *batch.Partition) {
	h.partition, h.from, h.until, h.current = partition, 0, 0, nil
	h.shape.Reset(partition)
	for _, l := range h.layouts {
		if l != nil {
			l.parser.Reset(partition)
		}
	}
}

// Parse reads each record's Line.
func (h *Headed) Parse(recs []record.Record) {
	for i := range recs {
		h.Read(&recs[i])
	}
}

// Read reads r.Line into r, which is empty but for its Line and Offset, or fails it.
func (h *Headed) Read(r *record.Record) {
	line := r.Line
	if line[0] == '#' {
		field.Pass(r)
		return
	}
	if h.partition != nil && (r.Offset < h.from || r.Offset >= h.until) {
		var header []byte
		header, h.from, h.until = h.partition.Headers.At(r.Offset)
		h.use(header)
	}
	if l := h.current; l != nil && bytes.Count(line, l.separator)+1 == l.columns {
		h.format = l.parser.Format()
		l.parser.Read(r)
		return
	}
	h.format = h.shape.Format()
	h.shape.Read(r)
}

// use puts a header in force; nil is none.
func (h *Headed) use(header []byte) {
	l, known := h.layouts[string(header)]
	if !known {
		if len(h.layouts) == maxLayouts {
			clear(h.layouts)
		}
		l = h.compile(string(header))
		h.layouts[string(header)] = l
	}
	h.current = l
}

// compile returns what header says, nil when it says nothing that a record can be made of.
func (h *Headed) compile(header string) *layout {
	compiled, err := Compile(header, h.of(header))
	if err != nil {
		return nil
	}
	switch {
	case strings.Contains(header, "x-edge-location"):
		compiled.Name, compiled.Kind = "aws_cloudfront", "aws_cloudfront"
	case strings.Contains(header, "sc-win32-status") || strings.Contains(header, "s-sitename"):
		compiled.Name, compiled.Kind = "iis", "iis"
	}
	return &layout{columns.NewParser(compiled), []byte{compiled.Separator}, len(compiled.Columns)}
}

// of returns those of fields that header has.
func (h *Headed) of(header string) map[string]field.Op {
	has := map[string]field.Op{}
	for name := range strings.FieldsSeq(header) {
		if op, ok := h.fields[name]; ok {
			has[name] = op
		}
	}
	return has
}
