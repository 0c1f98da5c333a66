package aws

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// The format strings that API Gateway's console offers, for REST and for HTTP APIs.
const (
	RestCLF = `$context.identity.sourceIp $context.identity.caller $context.identity.user [$context.requestTime] ` +
		`"$context.httpMethod $context.resourcePath $context.protocol" $context.status $context.responseLength $context.requestId ` +
		`$context.extendedRequestId`
	RestCSV = `$context.identity.sourceIp,$context.identity.caller,$context.identity.user,$context.requestTime,` +
		`$context.httpMethod,$context.resourcePath,$context.protocol,$context.status,$context.responseLength,$context.requestId,` +
		`$context.extendedRequestId`
	RestXML = `<request id="$context.requestId"> <extendedRequestId>$context.extendedRequestId</extendedRequestId> ` +
		`<ip>$context.identity.sourceIp</ip> <caller>$context.identity.caller</caller> <user>$context.identity.user</user> ` +
		`<requestTime>$context.requestTime</requestTime> <httpMethod>$context.httpMethod</httpMethod> ` +
		`<resourcePath>$context.resourcePath</resourcePath> <status>$context.status</status> <protocol>$context.protocol</protocol> ` +
		`<responseLength>$context.responseLength</responseLength> </request>`
	HTTPCLF = `$context.identity.sourceIp - - [$context.requestTime] "$context.httpMethod $context.routeKey $context.protocol" ` +
		`$context.status $context.responseLength $context.requestId`
	HTTPCSV = `$context.identity.sourceIp,$context.requestTime,$context.httpMethod,$context.routeKey,$context.protocol,` +
		`$context.status,$context.responseLength,$context.requestId`
	HTTPXML = `<request id="$context.requestId"> <ip>$context.identity.sourceIp</ip> <requestTime>$context.requestTime</requestTime> ` +
		`<httpMethod>$context.httpMethod</httpMethod> <routeKey>$context.routeKey</routeKey> <status>$context.status</status> ` +
		`<protocol>$context.protocol</protocol> <responseLength>$context.responseLength</responseLength> </request>`
)

const variable = "$context."

// IsGateway reports whether spec is a format string of API Gateway's.
func IsGateway(spec string) bool { return strings.Contains(spec, variable) }

// Gateway compiles a format string. Variables are inserted as they are, without escapes, and one that is not set is `-`; the
// fields behind the user agent are found from the line's end. fields gives variables a place in the record, by name with or
// without `$context.`.
func Gateway(format string, fields map[string]field.Op) (*program.Program, error) {
	if len(format) > program.MaxFormat {
		return nil, fmt.Errorf("it is longer than %d bytes", program.MaxFormat)
	}
	p := &program.Program{Name: "aws_apigw", Kind: "aws_apigw", Escape: escape.None}
	unused := program.NewUnused(fields)
	mapped := map[string]field.Op{}
	literal := &p.Prefix
	for rest := strings.TrimRight(format, "\r\n"); rest != ""; {
		i := strings.Index(rest, variable)
		if i < 0 {
			*literal += rest
			break
		}
		*literal += rest[:i]
		rest = rest[i+len(variable):]
		n := 0
		for n < len(rest) && isName(rest[n]) {
			n++
		}
		name := strings.TrimRight(rest[:n], ".-")
		if name == "" {
			return nil, fmt.Errorf("$context. stands without a name before %.40q", rest)
		}
		rest = rest[len(name):]
		op := meaning(name)
		for _, n := range []string{name, "context." + name} {
			if m, ok := fields[n]; ok {
				op = program.Op{Op: m}
				mapped[name] = m
				unused.Use(n)
			}
		}
		op.Name = name
		p.Ops = append(p.Ops, op)
		literal = &p.Ops[len(p.Ops)-1].Literal
	}
	if err := unused.Err("variable $context."); err != nil {
		return nil, err
	}
	p.PreferMapped(mapped, func(op *program.Op) string { return op.Name })
	preferred(p)
	if err := p.Seal(); err != nil {
		if errors.Is(err, program.ErrNoTime) {
			return nil, errors.New("it has no time: one of $context.requestTimeEpoch and $context.requestTime is needed")
		}
		return nil, err
	}
	return p, nil
}

func isName(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// preferred leaves aside all but the first where several variables say the same; of the times the one in milliseconds counts.
func preferred(p *program.Program) {
	var filled [record.NumFields]bool
	epoch := false
	for i := range p.Ops {
		epoch = epoch || p.Ops[i].Action == field.TimeEpoch
	}
	wide := false
	for i := range p.Ops {
		op := &p.Ops[i]
		switch {
		case op.Action == field.TimeCLF && epoch:
			op.Action = field.Skip
		case op.Field == record.User: // of user and caller the last that there is
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

// meaning returns what is done with a variable. Those not listed are read and left aside.
func meaning(name string) program.Op {
	of := func(action field.Action, f record.Field) program.Op {
		return program.Op{Op: field.Op{Action: action, Field: f, Unit: field.Milliseconds}}
	}
	switch name {
	case "requestTime":
		return of(field.TimeCLF, record.Time)
	case "requestTimeEpoch":
		return of(field.TimeEpoch, record.Time)
	case "httpMethod":
		return of(field.Text, record.Method)
	case "path":
		return of(field.Text, record.URL)
	case "resourcePath":
		return of(field.Text, record.Route)
	case "routeKey":
		op := of(field.RouteKey, record.Route)
		op.Words = true
		return op
	case "protocol":
		return of(field.Protocol, record.HTTPVersion)
	case "status":
		return of(field.Number, record.Status)
	case "integrationStatus", "integration.integrationStatus", "integration.status":
		return of(field.Number, record.UpstreamStatus)
	case "responseLength":
		return of(field.Octets, record.ResponseBodyBytes)
	case "responseLatency":
		return of(field.Span, record.Duration)
	case "integrationLatency", "integration.latency":
		return of(field.Span, record.UpstreamDuration)
	case "identity.sourceIp":
		return of(field.Text, record.ClientAddress)
	case "identity.userAgent":
		op := of(field.Text, record.UserAgent)
		op.Wide = true
		return op
	case "identity.user", "identity.caller":
		return of(field.Text, record.User)
	case "identity.apiKeyId", "authorizer.principalId", "authorizer.claims.sub":
		return of(field.Text, record.Consumer)
	case "domainName":
		return of(field.HostPort, record.Domain)
	case "requestId":
		return of(field.Text, record.RequestID)
	case "xrayTraceId":
		return of(field.Trace, record.TraceID)
	case "apiId":
		return of(field.Text, record.Service)
	case "stage":
		return of(field.Text, record.Stage)
	case "tls.version", "tlsVersion":
		return of(field.TLS, record.TLSVersion)
	case "cipherSuite", "tls.cipherSuite":
		return of(field.Text, record.TLSCipher)
	}
	return program.Op{}
}
