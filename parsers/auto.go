package parsers

import (
	"cmp"
	"slices"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// auto reads each line with the first format, in a fixed order, that can: what it makes of a line depends on nothing but the
// line, so that several workers, and a restart, read a log alike. The formats it knows exclude one another (each has to read a
// line to its end), so it may begin with the one that read the line before.
type auto struct {
	formats []Parser
	last    int
}

func newAuto(o Options, places map[string]field.Op) (func() Parser, error) {
	var tried []Format
	for _, f := range Formats() {
		if f.auto > 0 {
			tried = append(tried, f)
		}
	}
	slices.SortFunc(tried, func(a, b Format) int { return cmp.Compare(a.auto, b.auto) })
	makers := make([]func() Parser, 0, len(tried))
	for _, f := range tried {
		m, err := f.compile(Options{}, nil)
		if err != nil {
			return nil, err
		}
		makers = append(makers, m)
	}
	return func() Parser {
		a := &auto{}
		for _, m := range makers {
			a.formats = append(a.formats, m())
		}
		return a
	}, nil
}

// Reset resets all formats.
func (a *auto) Reset(p *batch.Partition) {
	for _, f := range a.formats {
		f.Reset(p)
	}
}

// Parse reads each record's Line.
func (a *auto) Parse(recs []record.Record) {
	for i := range recs {
		a.read(recs[i : i+1])
	}
}

func (a *auto) read(rec []record.Record) {
	line, offset := rec[0].Line, rec[0].Offset
	if a.formats[a.last].Parse(rec); rec[0].Reason == record.None {
		return
	}
	for i, f := range a.formats {
		if i == a.last {
			continue
		}
		rec[0].Reset()
		rec[0].Line, rec[0].Offset = line, offset
		if f.Parse(rec); rec[0].Reason == record.None {
			a.last = i
			return
		}
	}
	rec[0].Fail(record.UnknownFormat, 0)
}
