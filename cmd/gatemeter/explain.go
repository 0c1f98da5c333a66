package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/config"
	"github.com/gatemeter/gatemeter/parsers"
	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/ecs"
	"github.com/gatemeter/gatemeter/pipeline/filter"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/redact"
	"github.com/gatemeter/gatemeter/pipeline/route"
)

func newExplainCommand() *cobra.Command {
	var format, zone, path, source string
	var o parsers.Options
	cmd := &cobra.Command{
		Use: "explain [--format F | -c FILE --source NAME]",
		Example: `  tail -n 3 access.log | gatemeter explain
  tail -n 3 access.log | gatemeter explain -c gatemeter.yaml --source edge    # as that source reads it
  gatemeter explain --format 'regex ^(?P<ts>\S+) (?P<path>\S+) (?P<took>\d+)$' --field took=event.duration:ms <app.log`,
		Short: "Show how lines on standard input are read, a JSON object for each",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &exitError{exitUsage, fmt.Errorf("explain reads standard input: gatemeter explain < %.200q", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			var how *reading
			var err error
			if path != "" || source != "" {
				for _, name := range []string{"format", "field", "time", "timezone", "escape"} {
					if cmd.Flags().Changed(name) {
						return &exitError{exitUsage, fmt.Errorf("--%s and a config exclude each other: the source says how its lines are read", name)}
					}
				}
				how, err = readingOf(path, source)
			} else if o.Location, err = location(zone); err == nil {
				how, err = readingAs(format, o)
			}
			if e := (*exitError)(nil); err != nil && !errors.As(err, &e) {
				err = &exitError{exitUsage, err}
			}
			if err != nil {
				return err
			}
			if err := how.explain(cmd.InOrStdin(), cmd.OutOrStdout()); err != nil {
				return &exitError{exitFailed, err}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "config `file`: lines are read, masked, routed and filtered as it says")
	cmd.Flags().StringVar(&source, "source", "", "`name` of the config's source, where there are several")
	cmd.Flags().StringVar(&format, "format", "auto", "format `name`, or a format string of nginx, Apache, Envoy, API Gateway or a W3C log")
	cmd.Flags().StringToStringVar(&o.Fields, "field", nil, "`name=place` of a value in the record, as a config's fields; more than once for more")
	cmd.Flags().StringVar(&o.Time, "time", "", "start or end: which moment of a request its event time is to be")
	cmd.Flags().StringVar(&zone, "timezone", "", "of a log that writes times without a zone, like Europe/Berlin")
	cmd.Flags().StringVar(&o.Escape, "escape", "", "of an nginx format string: default, json or none")
	return cmd
}

// reading is how lines are read, and what is made of their records.
type reading struct {
	format  string
	parser  parsers.Parser
	maxLine int              // bytes
	service string           // of records that name none
	redact  *redact.Redactor // of a config; nil without one, and nothing is masked
	routes  *route.Templater
	filter  *filter.Set // nil: nothing is left out
	rollups []pipeline.Rollup
}

// readingAs is what a format alone says, with the defaults of a config that has nothing else.
func readingAs(format string, o parsers.Options) (*reading, error) {
	newParser, err := parsers.New(format, o)
	if err != nil {
		return nil, err
	}
	h := &reading{format: format, parser: newParser(), maxLine: maxExplained, service: "SOURCE", routes: &route.Templater{}}
	h.rollups, err = rollups(config.DefaultConfig())
	return h, err
}

// readingOf is what the config at path says of a source: of its only one, if name is empty.
func readingOf(path, name string) (*reading, error) {
	if path == "" {
		return nil, errors.New("--source of which config? -c FILE")
	}
	c, _, err := loadConfig(path)
	if err != nil {
		return nil, err
	}
	names := sorted(c.Sources)
	if name == "" && len(names) == 1 {
		name = names[0]
	}
	s := c.Sources[name]
	if s == nil {
		return nil, fmt.Errorf("--source is one of %s", strings.Join(names, ", "))
	}
	newParser, err := s.Parsers()
	if err != nil {
		return nil, err
	}
	h := &reading{format: s.Format, parser: newParser(), maxLine: int(s.MaxLine), service: cmp.Or(s.Service, name)}
	if h.redact, err = redactor(c); err != nil {
		return nil, err
	}
	if h.routes, err = route.New(c.Metrics.Routes); err != nil {
		return nil, err
	}
	if h.filter, err = filters(c); err != nil {
		return nil, err
	}
	h.rollups, err = rollups(c)
	return h, err
}

// complete does to a record what the pipeline does before it is sent on; without a config it gets a route and no more.
func (h *reading) complete(r *record.Record) {
	if h.redact != nil {
		if len(r.Service) == 0 {
			r.Service = []byte(h.service)
		}
		if r.GatewayNanos < 0 && r.DurationNanos >= 0 && r.UpstreamNanos >= 0 {
			r.GatewayNanos = max(0, r.DurationNanos-r.UpstreamNanos)
		}
		h.redact.Record(r, nil)
	}
	path := r.Path
	if len(path) == 0 {
		path = r.URL
	}
	if len(r.Route) == 0 && len(path) > 0 {
		r.Route = h.routes.Append(nil, path)
	}
	if h.filter != nil {
		h.filter.Apply(r)
	}
}

// explanation is what explain prints of a line.
type explanation struct {
	Format string           `json:"format"`
	Why    string           `json:"why,omitempty"` // what auto told the format by
	Record json.RawMessage  `json:"record"`
	Series []string         `json:"series"`
	Drop   []string         `json:"left_out_of,omitempty"` // metrics, records: by the config's filters
	Error  *explanationFail `json:"error"`
}

type explanationFail struct {
	Reason string `json:"reason"`
	Column int32  `json:"column,omitempty"`
}

// detector is a parser that finds the format of each line.
type detector interface {
	Tried() string // what the last line begins like, also when it could not be read
}

// why says what auto told a line's format by, or what a line that it could not read looks like; "" with a format that is given.
func why(parser parsers.Parser, reason record.Reason) string {
	a, ok := parser.(detector)
	switch {
	case reason == record.Blank:
		return "it is passed over: no request, and no fault"
	case !ok:
		return ""
	case parser.Format() != "":
		return sign(parser.Format())
	case a.Tried() != "":
		return "it begins like " + a.Tried() + ": " + sign(a.Tried())
	}
	return "it begins like no format there is"
}

// maxExplained is the longest line that a source can be told to take, in bytes.
const maxExplained = 255 << 10

// readLine returns the next line of r with its newline; of one that is longer than most bytes their beginning, and that it is.
func readLine(r *bufio.Reader, most int) (line []byte, long bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > most {
			part, long = part[:max(most-len(line), 0)], true
		}
		line = append(line, part...)
		if err != bufio.ErrBufferFull {
			return line, long, err
		}
	}
}

// notText says what a line begins like that no log in plain text begins like, "" if it does not.
func notText(line []byte) string {
	for _, f := range []struct{ begins, what string }{
		{"\x1f\x8b", "it begins like a gzip file: zcat decompresses it"},
		{"\x28\xb5\x2f\xfd", "it begins like a zstd file: zstdcat decompresses it"},
		{"BZh", "it begins like a bzip2 file: bzcat decompresses it"},
		{"\xfd7zXZ\x00", "it begins like an xz file: xzcat decompresses it"},
		{"PK\x03\x04", "it begins like a zip file: unzip -p decompresses it"},
		{"\xff\xfe", "it begins like UTF-16: iconv -f UTF-16 -t UTF-8 makes lines of it that can be read"},
		{"\xfe\xff", "it begins like UTF-16: iconv -f UTF-16 -t UTF-8 makes lines of it that can be read"},
	} {
		if bytes.HasPrefix(line, []byte(f.begins)) {
			return f.what
		}
	}
	return ""
}

// named is a parser that tells which format read the last line.
type named interface{ Format() string }

// explain writes how each line of in is read.
func (h *reading) explain(in io.Reader, out io.Writer) error {
	format, parser := h.format, h.parser
	lines := bufio.NewReaderSize(in, 64<<10)
	w := bufio.NewWriter(out)
	defer w.Flush()
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	recs := make([]record.Record, 1)
	var log batch.Partition
	offset := int64(0) // of the line, counted in lines
	for {
		if lines.Buffered() == 0 { // the next read may wait: of tail -f
			if err := w.Flush(); err != nil {
				return fmt.Errorf("write: %w", err)
			}
		}
		line, long, err := readLine(lines, h.maxLine+len("\r\n"))
		if len(line) == 0 && err == io.EOF {
			return w.Flush()
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("read standard input: %w", err)
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		r := &recs[0]
		r.Reset()
		e := explanation{Format: format, Series: []string{}}
		switch {
		case long || len(line) > h.maxLine:
			e.Why = "it is longer than any max_line there can be"
			if h.maxLine < maxExplained {
				e.Why = fmt.Sprintf("it is longer than max_line, %d bytes", h.maxLine)
			}
			e.Record, e.Error = json.RawMessage("null"), &explanationFail{Reason: record.Oversize.String()}
		case len(bytes.TrimSpace(line)) == 0:
			e.Record, e.Error = json.RawMessage("null"), &explanationFail{Reason: record.Blank.String()}
		default:
			if h.redact != nil {
				h.redact.Line(line)
			}
			r.Line = line
			if header := headerOf(format); header != "" && bytes.HasPrefix(line, []byte(header)) {
				log.Headers.Add(offset, line)
			}
			r.Offset = offset
			offset++
			parser.Reset(&log)
			parser.Parse(recs)
			if n, ok := parser.(named); ok {
				e.Format = n.Format()
			}
			e.Why = why(parser, r.Reason)
			if a, ok := parser.(detector); ok && e.Format == "" && r.Reason != record.UnknownFormat {
				e.Format = a.Tried()
			}
			if r.Reason != record.None {
				e.Why = cmp.Or(notText(line), e.Why)
				e.Record, e.Error = json.RawMessage("null"), &explanationFail{r.Reason.String(), r.Column}
			} else {
				h.complete(r)
				e.Record = ecs.Append(nil, r, &ecs.Options{Original: ecs.OriginalNever})
				if len(r.Service) == 0 {
					r.Service = []byte(h.service)
				}
				if r.Drop&record.DropMetrics == 0 {
					e.Series = pipeline.SeriesOf(r, h.rollups)
				} else {
					e.Drop = append(e.Drop, "metrics")
				}
				if r.Drop&record.DropRecords != 0 {
					e.Drop = append(e.Drop, "records")
				}
			}
		}
		if err := encoder.Encode(e); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
}
