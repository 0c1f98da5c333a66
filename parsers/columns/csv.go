package columns

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// CSV makes a layout of a line of columns' names, as it stands at the head of many files: `time,method,path,status`. What separates
// them there, a comma, semicolon, tab or bar, does so in the log. A column that fields does not name and known does not know is left
// aside. In the log that line is a header.
func CSV(header string, fields map[string]field.Op, known map[string]field.Ranked) (*Layout, error) {
	if len(header) > program.MaxFormat {
		return nil, fmt.Errorf("its columns are longer than %d bytes", program.MaxFormat)
	}
	header = strings.TrimSpace(header)
	if header == "" {
		return nil, errors.New("it needs the names of its columns: csv time,method,path,status")
	}
	separator := ","
	for _, s := range []string{"\t", ";", "|"} {
		if !strings.Contains(header, ",") && strings.Contains(header, s) {
			separator = s
		}
	}
	l := &Layout{Name: "csv", Kind: "csv", Separator: separator[0], Quoting: Doubled, Header: header}
	ranks := [record.NumFields]uint8{}
	best := [record.NumFields]int{}
	for i, name := range strings.Split(header, separator) {
		name = strings.Trim(name, ` "`)
		k := known[name]
		if f := k.Field; f != record.NoField {
			switch {
			case ranks[f] == 0 || k.Rank < ranks[f]:
				if ranks[f] != 0 {
					l.Columns[best[f]].Action = field.Skip
				}
				ranks[f], best[f] = k.Rank, i
			default:
				k.Action = field.Skip
			}
		}
		l.Columns = append(l.Columns, Column{Name: name, Op: k.Op})
	}
	if len(l.Columns) > Max {
		return nil, fmt.Errorf("it has more than %d columns", Max)
	}
	l.Least = len(l.Columns)
	if err := l.Map(fields); err != nil {
		return nil, err
	}
	return l, l.Timed()
}
