package apache

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// directive is `%400,501{Referer}i` taken apart.
type directive struct {
	text     string // as written
	argument string // in braces
	letter   string // i, ^ti …
}

// parseDirective splits s, which follows a `%`, behind the directive.
func parseDirective(s string) (d directive, rest string, err error) {
	i := 0
	modifiers := func() {
		for i < len(s) && strings.IndexByte("!<>,0123456789", s[i]) >= 0 {
			i++
		}
	}
	modifiers()
	if i < len(s) && s[i] == '{' {
		n := strings.IndexByte(s[i:], '}')
		if n < 0 {
			return d, "", fmt.Errorf("%%{ is not closed by } before %.40q", s[i+1:])
		}
		d.argument = s[i+1 : i+n]
		i += n + 1
		modifiers()
	}
	n := 1
	if i < len(s) && s[i] == '^' {
		n = 3
	}
	if i+n > len(s) {
		return d, "", errors.New("a % has nothing after it; a per cent sign of its own is %%")
	}
	d.letter = s[i : i+n]
	d.text = "%" + s[:i+n]
	return d, s[i+n:], nil
}

// op returns what is done with the directive's value. What gatemeter has no use for is read and left aside.
func (d *directive) op() (program.Op, error) {
	switch d.letter {
	case "t":
		return d.time()
	case "T":
		switch d.argument {
		case "", "s":
			return span(field.Seconds), nil
		case "ms":
			return span(field.Milliseconds), nil
		case "us":
			return span(field.Microseconds), nil
		}
		return program.Op{}, fmt.Errorf("%.200s: the units are s, ms and us", d.text)
	case "a", "h":
		if d.argument == "c" { // the peer, where mod_remoteip has put the client in its place
			return program.Op{}, nil
		}
		return text(record.ClientAddress), nil
	case "u":
		return text(record.User), nil
	case "r":
		return program.Op{Op: field.Op{Action: field.Request}}, nil
	case "m":
		return text(record.Method), nil
	case "U":
		return text(record.Path), nil
	case "U%q":
		return text(record.URL), nil
	case "q":
		return program.Op{Op: field.Op{Action: field.Query, Field: record.Query}}, nil
	case "H":
		return program.Op{Op: field.Op{Action: field.Protocol, Field: record.HTTPVersion}}, nil
	case "s":
		return program.Op{Op: field.Op{Action: field.Number, Field: record.Status}}, nil
	case "b", "B":
		return octets(record.ResponseBodyBytes), nil
	case "O":
		return octets(record.ResponseBytes), nil
	case "I":
		return octets(record.RequestBytes), nil
	case "D":
		return span(field.Microseconds), nil
	case "V":
		if d.argument != "" {
			return d.fastly(), nil
		}
		return program.Op{Op: field.Op{Action: field.VHost}}, nil
	case "v":
		return program.Op{Op: field.Op{Action: field.VHost}}, nil
	case "L":
		return text(record.RequestID), nil
	case "p":
		if d.argument == "remote" {
			return program.Op{Op: field.Op{Action: field.Number, Field: record.ClientPort}}, nil
		}
		return program.Op{}, nil
	case "i", "x", "e":
		return d.named(), nil
	case "A", "C", "f", "k", "l", "n", "o", "P", "R", "S", "X", "^ti", "^to":
		return program.Op{}, nil
	}
	return program.Op{}, fmt.Errorf("%.200s is no directive of Apache's LogFormat", d.text)
}

// named is op for request headers, variables of mod_ssl and those of the environment.
func (d *directive) named() program.Op {
	switch d.letter + " " + strings.ToLower(d.argument) {
	case "i referer":
		return text(record.Referrer)
	case "i user-agent":
		return text(record.UserAgent)
	case "i host":
		return program.Op{Op: field.Op{Action: field.HostPort, Field: record.Domain}}
	case "x ssl_protocol":
		return program.Op{Op: field.Op{Action: field.TLS, Field: record.TLSVersion}}
	case "x ssl_cipher":
		return text(record.TLSCipher)
	case "e unique_id":
		return text(record.RequestID)
	}
	return program.Op{}
}

// fastly is op for `%{…}V`, Fastly's way to log what VCL says. Source: Fastly's documentation of custom log formats.
func (d *directive) fastly() program.Op {
	switch strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(d.argument, "json.escape("), "cstr_escape("), ")") {
	case "client.ip", "req.http.Fastly-Client-IP":
		return text(record.ClientAddress)
	case "req.request", "req.method":
		return text(record.Method)
	case "req.url":
		return text(record.URL)
	case "req.proto":
		return program.Op{Op: field.Op{Action: field.Protocol, Field: record.HTTPVersion}}
	case "req.http.host", "req.http.Host", "req.http.Fastly-Orig-Host":
		return program.Op{Op: field.Op{Action: field.HostPort, Field: record.Domain}}
	case "req.http.User-Agent":
		return text(record.UserAgent)
	case "req.http.referer", "req.http.Referer":
		return text(record.Referrer)
	case "resp.status":
		return program.Op{Op: field.Op{Action: field.Number, Field: record.Status}}
	case "resp.body_bytes_written", "resp.http.content-length":
		return octets(record.ResponseBodyBytes)
	case "resp.bytes_written":
		return octets(record.ResponseBytes)
	case "time.elapsed.usec":
		return span(field.Microseconds)
	case "time.elapsed.msec":
		return span(field.Milliseconds)
	case "time.elapsed":
		return span(field.Seconds)
	case "fastly_info.state":
		return text(record.Cache)
	case "req.service_id":
		return text(record.Service)
	case "tls.client.protocol":
		return program.Op{Op: field.Op{Action: field.TLS, Field: record.TLSVersion}}
	case "tls.client.cipher":
		return text(record.TLSCipher)
	}
	return program.Op{}
}

// time is op for a %t with or without a format.
func (d *directive) time() (program.Op, error) {
	format := strings.TrimPrefix(strings.TrimPrefix(d.argument, "begin:"), "end:")
	switch format {
	case "":
		return program.Op{Op: field.Op{Action: field.TimeCLF, Field: record.Time}, Length: len("10/Oct/2000:13:55:36 -0700")}, nil
	case "sec", "msec", "usec":
		return program.Op{Op: field.Op{Action: field.TimeEpoch, Field: record.Time}}, nil
	case "msec_frac":
		return program.Op{Op: field.Op{Action: field.TimeMillis, Field: record.Time}, Length: 3}, nil
	case "usec_frac":
		return program.Op{Op: field.Op{Action: field.TimeMicros, Field: record.Time}, Length: 6}, nil
	}
	layout, err := stamp.NewLayout(format)
	if err != nil {
		return program.Op{}, fmt.Errorf("%.200s: %w", d.text, err)
	}
	return program.Op{Op: field.Op{Action: field.TimeLayout, Field: record.Time, Layout: layout}, Length: layout.Len()}, nil
}

func text(f record.Field) program.Op {
	return program.Op{Op: field.Op{Action: field.Text, Field: f}}
}

func octets(f record.Field) program.Op {
	return program.Op{Op: field.Op{Action: field.Octets, Field: f}}
}

func span(u field.Unit) program.Op {
	return program.Op{Op: field.Op{Action: field.Span, Field: record.Duration, Unit: u}}
}
