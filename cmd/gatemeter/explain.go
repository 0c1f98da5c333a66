package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/config"
	"github.com/gatemeter/gatemeter/parsers"
	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/ecs"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/route"
)

func newExplainCommand() *cobra.Command {
	var format, zone string
	var o parsers.Options
	cmd := &cobra.Command{
		Use: "explain [--format F]",
		Example: `  tail -n 3 access.log | gatemeter explain
  gatemeter explain --format 'regex ^(?P<ts>\S+) (?P<path>\S+) (?P<took>\d+)$' --field took=event.duration:ms <app.log`,
		Short: "Show how lines on standard input are read, a JSON object for each",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &exitError{exitUsage, fmt.Errorf("explain reads standard input: gatemeter explain < %.200q", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Location, err = location(zone); err != nil {
				return &exitError{exitUsage, err}
			}
			newParser, err := parsers.New(format, o)
			if err != nil {
				return &exitError{exitUsage, err}
			}
			if err := explain(cmd.InOrStdin(), cmd.OutOrStdout(), format, newParser()); err != nil {
				return &exitError{exitFailed, err}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "auto", "format `name`, or a format string of nginx, Apache, Envoy, API Gateway or a W3C log")
	cmd.Flags().StringToStringVar(&o.Fields, "field", nil, "`name=place` of a value in the record, as a config's fields; more than once for more")
	cmd.Flags().StringVar(&o.Time, "time", "", "start or end: which moment of a request its event time is to be")
	cmd.Flags().StringVar(&zone, "timezone", "", "of a log that writes times without a zone, like Europe/Berlin")
	cmd.Flags().StringVar(&o.Escape, "escape", "", "of an nginx format string: default, json or none")
	return cmd
}

// explanation is what explain prints of a line.
type explanation struct {
	Format string           `json:"format"`
	Why    string           `json:"why,omitempty"` // what auto told the format by
	Record json.RawMessage  `json:"record"`
	Series []string         `json:"series"`
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

func explain(in io.Reader, out io.Writer, format string, parser parsers.Parser) error {
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
		line, long, err := readLine(lines, maxExplained)
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
		case long:
			e.Why = "it is longer than any max_line there can be"
			e.Record, e.Error = json.RawMessage("null"), &explanationFail{Reason: record.Oversize.String()}
		case len(bytes.TrimSpace(line)) == 0:
			e.Record, e.Error = json.RawMessage("null"), &explanationFail{Reason: record.Blank.String()}
		default:
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
				path := r.Path
				if len(path) == 0 {
					path = r.URL
				}
				if len(r.Route) == 0 && len(path) > 0 {
					r.Route = (&route.Templater{}).Append(nil, path)
				}
				e.Record = ecs.Append(nil, r, &ecs.Options{Original: ecs.OriginalNever})
				if len(r.Service) == 0 {
					r.Service = []byte("SOURCE") // in a pipeline, the name of the source
				}
				e.Series = pipeline.SeriesOf(r, defaultRollups())
			}
		}
		if err := encoder.Encode(e); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
}

// defaultRollups are those of a config that names none.
func defaultRollups() []pipeline.Rollup {
	var rollups []pipeline.Rollup
	c := config.DefaultConfig()
	for _, name := range sorted(c.Metrics.Rollups) {
		r := pipeline.Rollup{Name: name}
		for _, d := range c.Metrics.Rollups[name] {
			dimension, _ := pipeline.LookupDimension(d)
			r.Dimensions = append(r.Dimensions, dimension)
		}
		rollups = append(rollups, r)
	}
	return rollups
}
