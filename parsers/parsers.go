// Package parsers knows the formats of gateways' access logs by name and makes parsers of them.
//
// Where to add one: a folder for its family, a line in the table of formats.go, a page in docs/formats, lines with their right
// reading in testdata. There is no registration: what is in the table exists.
//
// A parser turns a line into a record.Record and does not allocate. What it makes of a line depends on nothing but the line, so
// that several workers, and a process that starts again, come to the same.
package parsers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/parsers/apache"
	"github.com/gatemeter/gatemeter/parsers/auto"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/haproxy"
	"github.com/gatemeter/gatemeter/parsers/kong"
	"github.com/gatemeter/gatemeter/parsers/nginx"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/parsers/userjson"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Parser is a pipeline.Parser that also says which format it reads. Each worker has its own, used by one goroutine.
type Parser interface {
	// Parse reads each record's Line into its other fields. The bytes it refers to are those of the line, or the parser's own
	// until the next Reset.
	Parse(recs []record.Record)
	// Reset is called before each batch.
	Reset(partition *batch.Partition)
	// Format returns the name of the format that the last line was read as: with `auto` "" when it was none.
	Format() string
}

// Options are what a source says about its format.
type Options struct {
	// Fields gives values of the log a place in the record: nginx variables, Apache directives (`%{X-Tenant}i` or `X-Tenant`)
	// or paths of JSON keys → names of record.Field. A length of time takes its unit behind a colon, `event.duration:ms`; it is
	// ns without one.
	Fields map[string]string
	// Escape is that of an nginx log_format: default, json, none, or "" for what the directive says, else default.
	Escape string
	// Time is the moment of a request that its event time is to be, start or end; "" leaves the log's. Where a line has the other
	// and a duration, one is made of the other.
	Time string
	// Location is where the clocks of logs stand that write a time without a zone: HAProxy's, KrakenD's, W3C's. nil is UTC.
	Location *time.Location
}

// New returns a function that makes parsers of the format spec, which is one of these:
//
//   - a name of the table, `auto` (also when empty);
//   - a name and what belongs to it: `csv COLUMNS`, `regex EXPRESSION`, `grok PATTERN`, `tomcat PATTERN`, `haproxy LOG-FORMAT`,
//     `syslog FORMAT` for another format behind a syslog header, `docker FORMAT` for one inside Docker's JSON;
//   - a format string as it stands in the gateway's own config: nginx's log_format and Apache's LogFormat, with or without the
//     directive around it, Envoy's, API Gateway's with its $context, a W3C log's `#Fields:` line.
//
// It may be called from several goroutines. Errors are for users: they say what is wrong with spec or o.
func New(spec string, o Options) (func() Parser, error) {
	newParser, err := compile(spec, o)
	if err != nil {
		return nil, err
	}
	if name := strings.TrimSpace(spec); o.Location != nil && isName(name) && !zoneless[name] && !holdsZoneless[name] {
		return nil, fmt.Errorf("timezone: the times of the format %s have their zone, or are UTC", name)
	}
	return adjusted(newParser, o)
}

func compile(spec string, o Options) (func() Parser, error) {
	fields, err := places(o.Fields)
	if err != nil {
		return nil, err
	}
	trimmed := strings.TrimSpace(spec)
	if newParser, err := withArgument(trimmed, o, fields); newParser != nil || err != nil {
		return newParser, err
	}
	switch {
	case isNginx(trimmed):
		p, err := nginx.Compile(spec, o.Escape, fields)
		if err != nil {
			return nil, fmt.Errorf("nginx log_format: %w", err)
		}
		return ofProgram(p), nil
	case o.Escape != "":
		return nil, fmt.Errorf("escape: %.200s belongs to an nginx log_format string, and the format is not one", o.Escape)
	case haproxy.IsFormat(trimmed):
		return nil, fmt.Errorf("the format %.40q looks like HAProxy's log-format: put haproxy and a space before it", trimmed)
	case strings.ContainsAny(trimmed, `%" `):
		p, err := apache.Compile(spec, fields)
		if err != nil {
			return nil, fmt.Errorf("apache LogFormat: %w", err)
		}
		return ofProgram(p), nil
	case trimmed == "":
		trimmed = "auto"
	}
	for i := range formats {
		if formats[i].Name == trimmed {
			newParser, err := formats[i].compile(fields)
			if err != nil {
				return nil, fmt.Errorf("format %s: %w", trimmed, err)
			}
			return newParser, nil
		}
	}
	names := make([]string, len(formats))
	for i := range formats {
		names[i] = formats[i].Name
	}
	return nil, fmt.Errorf("there is no format %.200q%s", trimmed, field.DidYouMean(trimmed, names))
}

// isName reports whether spec is a name of the table.
func isName(spec string) bool {
	for i := range formats {
		if formats[i].Name == spec {
			return true
		}
	}
	return false
}

// isNginx reports whether spec has a `$variable`, or is a log_format directive.
func isNginx(spec string) bool {
	if strings.HasPrefix(spec, "log_format ") {
		return true
	}
	for i := 0; i+1 < len(spec); i++ {
		if c := spec[i+1]; spec[i] == '$' && (c == '{' || c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z') {
			return !strings.Contains(spec, "%h") && !strings.Contains(spec, "%t")
		}
	}
	return false
}

// places reads a config's fields. The names are those in the log; an nginx variable's may have its $.
func places(named map[string]string) (map[string]field.Op, error) {
	var problems []error
	fields := make(map[string]field.Op, len(named))
	for _, name := range slices.Sorted(maps.Keys(named)) { // in order, so that the same is said each time
		op, err := field.ParsePlace(named[name])
		if err != nil {
			problems = append(problems, fmt.Errorf("fields: %.200s: %w", name, err))
		}
		bare := strings.TrimPrefix(name, "$")
		_, twice := fields[bare]
		switch {
		case strings.TrimSpace(bare) == "":
			problems = append(problems, fmt.Errorf("fields: %.200q is no name of anything in a log", name))
		case twice:
			problems = append(problems, fmt.Errorf("fields: $%.200s and %.200s are the same: leave out one of them", bare, bare))
		}
		fields[bare] = op
	}
	return fields, errors.Join(problems...)
}

func ofProgram(p *program.Program) func() Parser {
	return func() Parser { return program.NewParser(p) }
}

// named returns what compiles an nginx log_format that has a name.
func named(name, kind, format string) func(map[string]field.Op) (func() Parser, error) {
	return func(fields map[string]field.Op) (func() Parser, error) {
		p, err := nginx.Compile(format, "", fields)
		if err != nil {
			return nil, err
		}
		p.Name, p.Kind = name, kind
		return ofProgram(p), nil
	}
}

// namedApache is named for an Apache LogFormat.
func namedApache(name, kind, format string) func(map[string]field.Op) (func() Parser, error) {
	return func(fields map[string]field.Op) (func() Parser, error) {
		p, err := apache.Compile(format, fields)
		if err != nil {
			return nil, err
		}
		p.Name, p.Kind = name, kind
		return ofProgram(p), nil
	}
}

func compileAuto(fields map[string]field.Op) (func() Parser, error) {
	if len(fields) > 0 {
		return nil, errors.New("fields need a format: which names a line has is not known before")
	}
	f, err := auto.Compile()
	if err != nil {
		return nil, err
	}
	return func() Parser { return auto.New(f) }, nil
}

func compileJSON(fields map[string]field.Op) (func() Parser, error) {
	m := userjson.NewMapping(fields)
	return func() Parser { return userjson.New(m) }, nil
}

func compileKong(fields map[string]field.Op) (func() Parser, error) {
	return overlaid(func() Parser { return kong.New() }, fields), nil
}
