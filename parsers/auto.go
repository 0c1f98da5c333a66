package parsers

import (
	"cmp"
	"slices"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// auto reads each line with the first format, in a fixed order, that can: what it makes of a line depends on nothing but the
// line, so that several workers, and a restart, read a log alike. The text formats exclude one another, as each has to read a
// line to its end, so it may begin with the one that read the line before; of JSON it may not, but Kong's is tried first.
type auto struct {
	text, json tried
	used       Parser // of the last line, nil when none could
}

// tried is the formats of one kind, and which of them read the last line.
type tried struct {
	formats []Parser
	last    int
	ordered bool // several may read a line: the first in order does
}

func newAuto(o Options, places map[string]field.Op) (func() Parser, error) {
	var formats []Format
	for _, f := range Formats() {
		if f.auto > 0 {
			formats = append(formats, f)
		}
	}
	slices.SortFunc(formats, func(a, b Format) int { return cmp.Compare(a.auto, b.auto) })
	makers := make([]func() Parser, len(formats))
	for i, f := range formats {
		m, err := f.compile(Options{}, nil)
		if err != nil {
			return nil, err
		}
		makers[i] = m
	}
	return func() Parser {
		a := &auto{json: tried{ordered: true}}
		for i, m := range makers {
			if formats[i].json {
				a.json.formats = append(a.json.formats, m())
			} else {
				a.text.formats = append(a.text.formats, m())
			}
		}
		return a
	}, nil
}

// Reset resets all formats.
func (a *auto) Reset(p *batch.Partition) {
	for _, f := range a.text.formats {
		f.Reset(p)
	}
	for _, f := range a.json.formats {
		f.Reset(p)
	}
}

// Format returns the name of the format that read the last line.
func (a *auto) Format() string {
	if n, ok := a.used.(interface{ Format() string }); ok {
		return n.Format()
	}
	return "auto"
}

// Parse reads each record's Line.
func (a *auto) Parse(recs []record.Record) {
	for i := range recs {
		if recs[i].Line[0] == '{' {
			a.used = a.json.read(recs[i : i+1])
		} else {
			a.used = a.text.read(recs[i : i+1])
		}
	}
}

// read reads one line and returns what could.
func (t *tried) read(rec []record.Record) Parser {
	line, offset := rec[0].Line, rec[0].Offset
	if f := t.formats[t.last]; !t.ordered && read(f, rec) {
		return f
	}
	for i, f := range t.formats {
		if i == t.last && !t.ordered {
			continue
		}
		rec[0].Reset()
		rec[0].Line, rec[0].Offset = line, offset
		if read(f, rec) {
			t.last = i
			return f
		}
	}
	rec[0].Fail(record.UnknownFormat, 0)
	return nil
}

func read(f Parser, rec []record.Record) bool {
	f.Parse(rec)
	return rec[0].Reason == record.None
}
