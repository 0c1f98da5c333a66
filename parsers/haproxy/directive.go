package haproxy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The formats that HAProxy has built in, as its manual writes them.
const (
	HTTP  = `%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r`
	HTTPS = HTTP + ` %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc`
	TCP   = `%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq`
	CLF   = `%{+Q}o %{-Q}ci - - [%trg] %r %ST %B "" "" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl`
	// TCPCLF is that of `option tcplog clf`, since HAProxy 3.1.
	TCPCLF = `%{+Q}o %{-Q}ci - - [%T] "TCP " 000 %B "" "" %cp %ms %ft %b %s %Th %Tw %Tc %Tt %U %ts-- %ac %fc %bc %sc %rc %sq %bq "" "" `
)

// variables are those that HAProxy gives its configurations to build formats on. It is never written.
var variables = [...]struct{ name, value string }{
	{"HAPROXY_HTTP_LOG_FMT", HTTP},
	{"HAPROXY_HTTPS_LOG_FMT", HTTPS},
	{"HAPROXY_TCP_LOG_FMT", TCP},
	{"HAPROXY_HTTP_CLF_LOG_FMT", CLF},
	{"HAPROXY_TCP_CLF_LOG_FMT", TCPCLF},
}

// unquote takes the format out of a `log-format "…"` line, or of its argument alone, and undoes the configuration's quotes and
// backslashes. A format that is not in quotes may have its spaces with backslashes or without.
func unquote(s string) (string, error) {
	s = strings.TrimSpace(s)
	for _, name := range []string{"log-format", "error-log-format"} {
		if after, ok := strings.CutPrefix(s, name); ok && after != "" && strings.IndexByte(" \t", after[0]) >= 0 {
			s = strings.TrimSpace(after)
		}
	}
	if strings.HasPrefix(s, "log-format-sd") {
		return "", errors.New("log-format-sd is the structured data of a syslog header, which is not read")
	}
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		if format, ok, err := word(s); ok || err != nil {
			return format, err
		}
	}
	var b strings.Builder
	for rest := s; rest != ""; {
		var err error
		if rest, err = next(&b, rest, false); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// word reads s as one word of the configuration, made of pieces in quotes and without. ok is false when it is more than one.
func word(s string) (format string, ok bool, err error) {
	var b strings.Builder
	quote := byte(0)
	for s != "" {
		switch c := s[0]; {
		case quote == 0 && (c == '"' || c == '\''):
			quote, s = c, s[1:]
		case quote == 0 && (c == ' ' || c == '\t'):
			return "", false, nil
		case c == quote:
			quote, s = 0, s[1:]
		case quote == '\'':
			b.WriteByte(c)
			s = s[1:]
		default:
			if s, err = next(&b, s, quote == '"'); err != nil {
				return "", false, err
			}
		}
	}
	if quote != 0 {
		return "", false, fmt.Errorf("the quote before %.40q is not closed", b.String())
	}
	return b.String(), true, nil
}

// next reads a byte, an escape or a variable of s, which is not empty, into b and returns what follows it. weak: s is in double quotes.
func next(b *strings.Builder, s string, weak bool) (rest string, err error) {
	switch {
	case s[0] == '$':
		name := strings.TrimPrefix(s[1:], "{")
		end := 0
		for end < len(name) && (name[end] == '_' || 'A' <= name[end] && name[end] <= 'Z') {
			end++
		}
		rest = name[end:]
		if len(name) < len(s)-1 {
			rest = strings.TrimPrefix(rest, "}")
		}
		for _, v := range variables {
			if v.name == name[:end] {
				b.WriteString(v.value)
				return rest, nil
			}
		}
		if weak && end > 0 {
			return "", fmt.Errorf("$%.200s is a variable of HAProxy's environment: put what it holds in its place", name[:end])
		}
	case s[0] == '\\' && len(s) > 1:
		switch c := s[1]; c {
		case '\n': // a line that goes on
			return s[2:], nil
		case ' ', '\t', '#', '\\', '\'', '"', '$':
			b.WriteByte(c)
			return s[2:], nil
		case 'n', 'r', 't':
			b.WriteByte(map[byte]byte{'n': '\n', 'r': '\r', 't': '\t'}[c])
			return s[2:], nil
		case 'x':
			if len(s) >= 4 {
				if n, err := strconv.ParseUint(s[2:4], 16, 8); err == nil {
					b.WriteByte(byte(n))
					return s[4:], nil
				}
			}
		}
	case s[0] == '\n':
		b.WriteByte(' ')
		return s[1:], nil
	}
	b.WriteByte(s[0])
	return s[1:], nil
}
