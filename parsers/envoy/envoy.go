// Package envoy compiles Envoy's access log format strings into programs.
//
// Source: Envoy's documentation of access logging, "Command operators", for the operators and their units; Istio's of its
// default format.
//
// Envoy escapes nothing in its text format: a user agent may hold quotes. So the fields behind the user agent are found from the
// line's end (program.Op.Wide).
package envoy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// The format strings that have a name.
const (
	head = `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% `
	tail = `%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ` +
		`"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"`

	Default = head + tail
	Istio   = head + `%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" ` + tail +
		` %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% ` +
		`%REQUESTED_SERVER_NAME% %ROUTE_NAME%`
)

// Is reports whether spec looks like one of Envoy's format strings rather than Apache's: both mark fields with a per cent sign.
func Is(spec string) bool {
	for _, operator := range []string{"%START_TIME", "%RESPONSE_CODE", "%REQ(", "%DURATION%", "%PROTOCOL%"} {
		if strings.Contains(spec, operator) {
			return true
		}
	}
	return false
}

// Compile compiles a format string. fields gives operators that gatemeter does not know, or knows otherwise, a place in the
// record: `%REQ(X-TENANT)%` by that name, without the per cent signs, or as `X-TENANT`.
func Compile(format string, fields map[string]field.Op) (*program.Program, error) {
	if len(format) > program.MaxFormat {
		return nil, fmt.Errorf("it is longer than %d bytes", program.MaxFormat)
	}
	format = strings.TrimSuffix(strings.TrimSuffix(format, "\n"), `\n`)
	p := &program.Program{Name: "envoy", Kind: "envoy", Escape: escape.None}
	unused := program.NewUnused(fields)
	mapped := map[string]field.Op{}
	literal := &p.Prefix
	for rest := format; rest != ""; {
		i := strings.IndexByte(rest, '%')
		if i < 0 {
			*literal += rest
			break
		}
		*literal += rest[:i]
		if strings.HasPrefix(rest[i:], "%%") {
			*literal += "%"
			rest = rest[i+2:]
			continue
		}
		o, after, err := parseOperator(rest[i+1:])
		if err != nil {
			return nil, err
		}
		op, err := o.op()
		if err != nil {
			return nil, err
		}
		for _, name := range []string{o.text, "%" + o.text + "%", o.argument} {
			if m, ok := fields[name]; ok && name != "" {
				op.Op, op.Length = m, 0
				mapped[o.text] = m
				unused.Use(name)
				break
			}
		}
		op.Name, rest = o.text, after
		p.Ops = append(p.Ops, op)
		literal = &p.Ops[len(p.Ops)-1].Literal
	}
	if err := unused.Err("operator "); err != nil {
		return nil, err
	}
	p.PreferMapped(mapped, func(op *program.Op) string { return op.Name })
	preferred(p)
	if err := p.Seal(); err != nil {
		if errors.Is(err, program.ErrNoTime) {
			return nil, errors.New("it has no time: %START_TIME% is needed")
		}
		return nil, err
	}
	return p, nil
}

// preferred leaves aside all but the first where several operators fill the same field, and marks the first field that a client
// writes what it likes into.
func preferred(p *program.Program) {
	var filled [record.NumFields]bool
	timed, wide := false, false
	for i := range p.Ops {
		op := &p.Ops[i]
		switch {
		case op.Action.IsTime():
			if timed {
				op.Action = field.Skip
			}
			timed = true
		case op.Field == record.ClientAddress: // X-Forwarded-For takes the place of the peer wherever it stands
		case op.Field != record.NoField && op.Action != field.Skip:
			if filled[op.Field] {
				op.Action = field.Skip
			}
			filled[op.Field] = true
		}
		op.Wide = op.Wide && !wide
		wide = wide || op.Wide
	}
}
