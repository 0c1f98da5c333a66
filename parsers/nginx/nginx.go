// Package nginx compiles nginx's log_format strings into programs.
//
// Sources: nginx's documentation of ngx_http_log_module, ngx_http_core_module, ngx_http_upstream_module and ngx_http_ssl_module
// for the variables, their units and how lists are written; ngx_http_log_module.c for escaping.
package nginx

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/program"
)

// The log_format strings that have a name.
const (
	Combined = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`
	Main     = Combined + ` "$http_x_forwarded_for"` // of nginx's packages and its Docker image
	Timed    = Combined + ` $request_time $upstream_response_time`
	Ingress  = Combined + ` $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] ` +
		`$upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id`
	Kong   = Combined + ` kong_request_id: "$kong_request_id"`                                        // since Kong 3.5; Combined before
	Stream = `$remote_addr [$time_local] $protocol $status $bytes_sent $bytes_received $session_time` // Kong's, of TCP and TLS
	APISIX = `$remote_addr - $remote_user [$time_local] $http_host "$request" $status $body_bytes_sent $request_time ` +
		`"$http_referer" "$http_user_agent" $upstream_addr $upstream_status $upstream_response_time ` +
		`"$upstream_scheme://$upstream_host$upstream_uri"`
)

// Compile compiles a log_format string, or a whole `log_format NAME escape=json '…' '…';` as it stands in nginx's config.
// escaping is default, json or none; "" is what the directive says, else default. fields gives variables that gatemeter does
// not know, or knows otherwise, a place in the record.
func Compile(format, escaping string, fields map[string]field.Op) (*program.Program, error) {
	if len(format) > program.MaxFormat {
		return nil, fmt.Errorf("log_format is longer than %d bytes", program.MaxFormat)
	}
	format, escaping, err := directive(format, escaping)
	if err != nil {
		return nil, err
	}
	p := &program.Program{Name: "nginx", Kind: "nginx"}
	switch escaping {
	case "", "default":
		p.Escape = escape.Hex
	case "json":
		p.Escape = escape.JSON
	case "none":
		p.Escape = escape.None
	default:
		return nil, fmt.Errorf("escape %.200q is not default, json or none", escaping)
	}
	unused := program.NewUnused(fields)
	literal := &p.Prefix
	for rest := format; rest != ""; {
		i := strings.IndexByte(rest, '$')
		if i < 0 {
			*literal += rest
			break
		}
		*literal += rest[:i]
		name, after, err := variable(rest[i+1:])
		if err != nil {
			return nil, err
		}
		op := known(name)
		if mapped, ok := fields[name]; ok {
			op.Op, op.Length = mapped, 0
			unused.Use(name)
		}
		op.Name = "$" + name
		rest = after
		if last := len(p.Ops) - 1; last >= 0 && *literal == "" && op.Action == field.Skip && p.Ops[last].Action == field.Skip {
			continue // both are left aside: where one ends does not matter
		}
		p.Ops = append(p.Ops, op)
		literal = &p.Ops[len(p.Ops)-1].Literal
	}
	if err := unused.Err("variable $"); err != nil {
		return nil, err
	}
	p.PreferMapped(fields, func(op *program.Op) string { return op.Name[1:] })
	bestTime(p)
	if err := p.Seal(); err != nil {
		if errors.Is(err, program.ErrNoTime) {
			return nil, errors.New("it has no time: one of $msec, $time_iso8601 and $time_local is needed")
		}
		return nil, err
	}
	return p, nil
}

// variable splits s, which follows a `$`, behind the variable's name.
func variable(s string) (name, rest string, err error) {
	if strings.HasPrefix(s, "{") {
		i := strings.IndexByte(s, '}')
		if i < 0 {
			return "", "", fmt.Errorf("${ is not closed by } before %.40q", s[1:])
		}
		name, rest = s[1:i], s[i+1:]
	} else {
		i := 0
		for i < len(s) && isName(s[i]) {
			i++
		}
		name, rest = s[:i], s[i:]
	}
	if name == "" || strings.IndexFunc(name, func(r rune) bool { return r > 127 || !isName(byte(r)) }) >= 0 {
		return "", "", fmt.Errorf("a $ stands without the name of a variable before %.40q", s)
	}
	return name, rest, nil
}

func isName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// bestTime keeps the time that says most and skips the others: of one that the config maps, $msec, $time_iso8601 and
// $time_local the first there is.
func bestTime(p *program.Program) {
	best := field.Skip
	for _, action := range []field.Action{field.TimeAny, field.TimeEpoch, field.TimeISO, field.TimeCLF} {
		for i := range p.Ops {
			if p.Ops[i].Action != action {
				continue
			}
			if best != field.Skip {
				p.Ops[i].Action = field.Skip
			} else {
				best = action
			}
		}
	}
}
