package parsers

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/apache"
	"github.com/gatemeter/gatemeter/parsers/aws"
	"github.com/gatemeter/gatemeter/parsers/columns"
	"github.com/gatemeter/gatemeter/parsers/envoy"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/grok"
	"github.com/gatemeter/gatemeter/parsers/haproxy"
	"github.com/gatemeter/gatemeter/parsers/krakend"
	"github.com/gatemeter/gatemeter/parsers/pairs"
	"github.com/gatemeter/gatemeter/parsers/regex"
	"github.com/gatemeter/gatemeter/parsers/userjson"
	"github.com/gatemeter/gatemeter/parsers/w3c"
	"github.com/gatemeter/gatemeter/parsers/wso2"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// withArgument compiles a spec that is a name and what belongs to it, or a format string of another gateway's than nginx's and
// Apache's; HAProxy's, which looks like Apache's, has its name before it. It returns nil, and no error, when spec is neither.
func withArgument(spec string, o Options, fields map[string]field.Op) (func() Parser, error) {
	name, argument := spec, ""
	if i := strings.IndexAny(spec, " \t\n"); i > 0 {
		name, argument = spec[:i], strings.TrimSpace(spec[i:])
	}
	var newParser func() Parser
	var err error
	switch {
	case strings.HasPrefix(spec, "#Fields:"):
		var l *columns.Layout
		if l, err = w3c.Compile(spec, fields); err == nil {
			newParser = func() Parser { return columns.NewParser(l) }
		}
		name = "w3c"
	case aws.IsGateway(spec):
		newParser, err = gateway(spec, "aws_apigw", fields)
		name = "API Gateway"
	case envoy.Is(spec):
		newParser, err = namedEnvoy("envoy", spec)(fields)
		name = "envoy"
	case argument == "":
		return nil, nil
	case name == "syslog" || name == "docker":
		inner := o
		inner.Time, inner.Location = "", nil // these are done outside
		if newParser, err = compile(argument, inner); err != nil {
			return nil, err
		}
		if name == "docker" {
			return insideDocker(newParser), nil
		}
		return behindHeader(newParser), nil
	case name == "csv":
		newParser, err = compileCSV(argument, fields)
	case name == "regex":
		newParser, err = compileRegex("regex", argument, nil, fields)
	case name == "grok":
		var expression string
		var names []string
		if expression, names, err = grok.Expand(argument); err == nil {
			newParser, err = compileRegex("grok", expression, names, fields)
		}
	case name == "haproxy" || name == "log-format":
		newParser, err = compileLogFormat(argument, fields)
		name = "haproxy"
	case name == "tomcat":
		newParser, err = compileTomcat(argument)(fields)
	default:
		return nil, nil
	}
	if err == nil && o.Escape != "" {
		err = fmt.Errorf("escape: %.200s belongs to an nginx log_format string", o.Escape)
	}
	if err != nil {
		return nil, fmt.Errorf("format %s: %w", name, err)
	}
	return newParser, nil
}

// compileW3C is the row of W3C logs whose columns their own header says.
func compileW3C(fields map[string]field.Op) (func() Parser, error) {
	return func() Parser { return w3c.NewHeaded(fields) }, nil
}

// needsArgument is the row of a format that a name alone does not describe.
func needsArgument(map[string]field.Op) (func() Parser, error) {
	return nil, errors.New("it needs more than its name: columns behind csv, an expression behind regex or grok")
}

var errNoFields = errors.New("fields: the format's values have their places; to give others, use its format string")

// plain is the row of a format whose parsers share nothing.
func plain(newParser func() Parser) func(map[string]field.Op) (func() Parser, error) {
	return func(fields map[string]field.Op) (func() Parser, error) {
		if len(fields) > 0 {
			return nil, errNoFields
		}
		return newParser, nil
	}
}

// ofLayout is the row of a format of columns.
func ofLayout(layout func() *columns.Layout) func(map[string]field.Op) (func() Parser, error) {
	return func(fields map[string]field.Op) (func() Parser, error) {
		l := layout()
		if err := l.Map(fields); err != nil {
			return nil, err
		}
		return func() Parser { return columns.NewParser(l) }, nil
	}
}

// ofPairs is the row of a format of pairs.
func ofPairs(mapping func() *pairs.Mapping) func(map[string]field.Op) (func() Parser, error) {
	return func(fields map[string]field.Op) (func() Parser, error) {
		m := mapping()
		m.Map(fields)
		return func() Parser { return pairs.New(m) }, nil
	}
}

func namedEnvoy(name, format string) func(map[string]field.Op) (func() Parser, error) {
	return func(fields map[string]field.Op) (func() Parser, error) {
		p, err := envoy.Compile(format, fields)
		if err != nil {
			return nil, err
		}
		p.Name, p.Kind = name, name
		return ofProgram(p), nil
	}
}

func namedGateway(name, format string) func(map[string]field.Op) (func() Parser, error) {
	return func(fields map[string]field.Op) (func() Parser, error) { return gateway(format, name, fields) }
}

func gateway(format, name string, fields map[string]field.Op) (func() Parser, error) {
	p, err := aws.Gateway(format, fields)
	if err != nil {
		return nil, err
	}
	p.Name = name
	return ofProgram(p), nil
}

func compileTomcat(pattern string) func(map[string]field.Op) (func() Parser, error) {
	return namedApache("tomcat", "tomcat", apache.Tomcat(pattern))
}

func compileKrakend(fields map[string]field.Op) (func() Parser, error) {
	if len(fields) > 0 {
		return nil, errNoFields
	}
	p, err := krakend.Compile()
	if err != nil {
		return nil, err
	}
	return func() Parser { return krakend.New(p) }, nil
}

func compileWSO2(fields map[string]field.Op) (func() Parser, error) {
	if len(fields) > 0 {
		return nil, errNoFields
	}
	p, err := wso2.Compile()
	if err != nil {
		return nil, err
	}
	return func() Parser { return wso2.New(p) }, nil
}

func compileHAProxy(fields map[string]field.Op) (func() Parser, error) {
	captures, err := haproxy.NewCaptures(fields)
	if err != nil {
		return nil, err
	}
	return func() Parser { return haproxy.New(captures) }, nil
}

// compileLogFormat is for a log-format of HAProxy's.
func compileLogFormat(format string, fields map[string]field.Op) (func() Parser, error) {
	f, err := haproxy.Compile(format, fields)
	if err != nil {
		return nil, err
	}
	return func() Parser { return haproxy.NewCustom("", f) }, nil
}

func compileHAProxyCLF(fields map[string]field.Op) (func() Parser, error) {
	formats, err := haproxy.CompileCLF(fields)
	if err != nil {
		return nil, err
	}
	return func() Parser { return haproxy.NewCustom("haproxy_clf", formats...) }, nil
}

func compileLogfmt(fields map[string]field.Op) (func() Parser, error) {
	return ofPairs(func() *pairs.Mapping { return pairs.NewLogfmt(userjson.WellKnown()) })(fields)
}

func compileLTSV(fields map[string]field.Op) (func() Parser, error) {
	return ofPairs(func() *pairs.Mapping { return pairs.NewLTSV(userjson.WellKnown()) })(fields)
}

func compileCSV(header string, fields map[string]field.Op) (func() Parser, error) {
	l, err := columns.CSV(header, fields, userjson.WellKnown())
	if err != nil {
		return nil, err
	}
	return func() Parser { return columns.NewParser(l) }, nil
}

func compileRegex(format, expression string, names []string, fields map[string]field.Op) (func() Parser, error) {
	known := userjson.WellKnown()
	// go-grok's names for two of ECS'
	known["source.address"] = field.Ranked{Op: field.Op{Action: field.Text, Field: record.ClientAddress}, Rank: field.ByConfig + 1}
	known["http.response.body.size"] = field.Ranked{Op: field.Op{Action: field.Octets, Field: record.ResponseBodyBytes}, Rank: field.ByConfig + 1}
	e, err := regex.Compile(format, expression, names, fields, known)
	if err != nil {
		return nil, err
	}
	return func() Parser { return regex.New(e) }, nil
}
