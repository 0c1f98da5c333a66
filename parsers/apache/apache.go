// Package apache compiles Apache httpd's LogFormat strings into programs.
//
// Source: httpd's documentation of mod_log_config, and of mod_logio, mod_ssl and mod_unique_id for what they add.
package apache

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// The LogFormat strings that have a name. Debian's and httpd's own configs have them under these.
const (
	Common        = `%h %l %u %t "%r" %>s %b`
	Combined      = Common + ` "%{Referer}i" "%{User-Agent}i"`
	VHostCommon   = `%v ` + Common
	VHostCombined = `%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"`
	SSLRequest    = `%t %h %{SSL_PROTOCOL}x %{SSL_CIPHER}x "%r" %b` // ssl_request_log
)

// Compile compiles a LogFormat string, as it stands in the config (`\"` for a quote), without its backslashes, or with the
// whole directive around it. fields gives directives that gatemeter does not know, or knows otherwise, a place in the record:
// `%{X-Tenant}i` by that name or as `X-Tenant`.
func Compile(format string, fields map[string]field.Op) (*program.Program, error) {
	if len(format) > program.MaxFormat {
		return nil, fmt.Errorf("LogFormat is longer than %d bytes", program.MaxFormat)
	}
	format, err := unquote(format)
	if err != nil {
		return nil, err
	}
	c := compiler{p: &program.Program{Name: "apache", Kind: "apache", Escape: escape.C}, fields: fields, unused: program.NewUnused(fields)}
	for rest := format; rest != ""; {
		i := strings.IndexByte(rest, '%')
		if i < 0 {
			c.literal(rest)
			break
		}
		c.literal(rest[:i])
		if strings.HasPrefix(rest[i:], "%%") {
			c.literal("%")
			rest = rest[i+2:]
			continue
		}
		d, after, err := parseDirective(rest[i+1:])
		if err != nil {
			return nil, err
		}
		// The two make one field: where the path ends and the query begins needs no literal.
		if d.letter == "U" && strings.HasPrefix(after, "%q") {
			d.text, d.letter, after = "%U%q", "U%q", after[2:]
		}
		if err := c.add(d); err != nil {
			return nil, err
		}
		rest = after
	}
	if err := c.unused.Err(""); err != nil {
		return nil, err
	}
	c.p.PreferMapped(c.mapped, func(op *program.Op) string { return op.Name })
	if !preferred(c.p) {
		return nil, errors.New("it has no time: %t is needed")
	}
	return c.p, c.p.Seal()
}

// compiler puts a program together.
type compiler struct {
	p      *program.Program
	fields map[string]field.Op
	mapped map[string]field.Op // of fields, by op name
	unused program.Unused
}

// literal appends to what stands before the next field.
func (c *compiler) literal(s string) {
	if n := len(c.p.Ops); n > 0 {
		c.p.Ops[n-1].Literal += s
	} else {
		c.p.Prefix += s
	}
}

func (c *compiler) add(d directive) error {
	op, err := d.op()
	if err != nil {
		return err
	}
	for _, name := range []string{d.text, d.argument} {
		if mapped, ok := c.fields[name]; ok && name != "" {
			op = program.Op{Op: mapped}
			if c.mapped == nil {
				c.mapped = map[string]field.Op{}
			}
			c.mapped[d.text] = mapped
			c.unused.Use(name)
			break
		}
	}
	op.Name = d.text
	bracketed := op.Action == field.TimeCLF
	if bracketed {
		c.literal("[") // so that a user name with spaces ends before it
	}
	c.p.Ops = append(c.p.Ops, op)
	if bracketed {
		c.literal("]")
	}
	return nil
}

// preferred leaves aside all but the best where several directives say the same: the first time, the final status, the
// address rather than the host name, the finest duration. It reports whether there is a time with a date.
func preferred(p *program.Program) (dated bool) {
	var status, client, duration *program.Op
	keep := func(best **program.Op, op *program.Op, better bool) {
		switch {
		case *best == nil:
			*best = op
		case better:
			(*best).Action = field.Skip
			*best = op
		default:
			op.Action = field.Skip
		}
	}
	for i := range p.Ops {
		op := &p.Ops[i]
		switch {
		case op.Action == field.TimeLayout && !op.Layout.Dated():
		case op.Action.IsTime():
			if dated {
				op.Action = field.Skip
			}
			dated = true
		case op.Action == field.Number && op.Field == record.Status:
			keep(&status, op, strings.Contains(op.Name, ">"))
		case op.Action == field.Text && op.Field == record.ClientAddress:
			keep(&client, op, strings.HasSuffix(op.Name, "a"))
		case op.Action == field.Span && op.Field == record.Duration:
			keep(&duration, op, duration != nil && op.Unit < duration.Unit)
		}
	}
	return dated
}

// unquote takes the format out of a `LogFormat "…" name` or `CustomLog file "…"`, and undoes the config file's backslashes.
func unquote(s string) (string, error) {
	t := strings.TrimSpace(s)
	for _, name := range []string{"LogFormat", "CustomLog", "TransferLog"} {
		if len(t) > len(name) && strings.EqualFold(t[:len(name)], name) && (t[len(name)] == ' ' || t[len(name)] == '\t') {
			open := strings.Index(t, `"`)
			if name != "LogFormat" {
				open = strings.Index(t, ` "%`) + 1
			}
			if open <= 0 {
				return "", fmt.Errorf("%s has no format in double quotes", name)
			}
			t = t[open+1:]
			end := 0
			for end < len(t) && t[end] != '"' {
				if t[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(t) {
				return "", fmt.Errorf("%s: the quote before %.40q is not closed", name, t)
			}
			s = t[:end]
			break
		}
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\t`, "\t", `\n`, "\n").Replace(s), nil
}
