package haproxy

import (
	"strings"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// sample says what the value of a sample expression is, `req.hdr(host),lower`. Nothing in it is escaped, so what a client may write is raw,
// and so is what is not known.
func (it *item) sample(expression string) {
	it.quotes = true
	fetch, converters := cutConverter(expression)
	name, argument, _ := strings.Cut(fetch, "(")
	argument = strings.Trim(strings.TrimSuffix(argument, ")"), `"' `)
	if strings.HasSuffix(name, "date") {
		it.date(name, argument, converters)
		return
	}
	for converters != "" {
		var c string
		c, converters = cutConverter(converters)
		switch c, _, _ = strings.Cut(c, "("); c {
		case "lower", "upper", "url_dec", "ltrim", "rtrim", "ipmask":
		case "json":
			it.json = true
		default:
			it.raw = true // another value
			return
		}
	}
	if alias := sameAs(name); alias != "" {
		it.alias(alias, false)
		if it.quotes = true; it.hashed {
			it.hashed, it.shape = false, toLiteral
		}
		it.raw = it.take == asPath || it.op.Field == record.URL || it.op.Field == record.Query
		return
	}
	it.raw = true
	switch name {
	case "ssl_fc_sni", "req.ssl_sni", "req_ssl_sni":
		it.fill(asOp, field.HostPort, record.Domain)
	case "hdr", "req.hdr", "fhdr", "req.fhdr":
		header, _, _ := strings.Cut(argument, ",")
		it.header(strings.ToLower(header))
	}
}

// sameAs returns the alias that is the same as a fetch, "" when none is.
func sameAs(fetch string) string {
	switch fetch {
	case "src":
		return "ci"
	case "src_port":
		return "cp"
	case "fe_name":
		return "f"
	case "be_name":
		return "b"
	case "srv_name":
		return "s"
	case "bc_dst":
		return "si"
	case "method", "capture.req.method":
		return "HM"
	case "path":
		return "HP"
	case "url", "pathq", "capture.req.uri":
		return "HU"
	case "query":
		return "HQ"
	case "req.ver", "req_ver", "capture.req.ver":
		return "HV"
	case "status", "txn.status":
		return "ST"
	case "bytes_out", "res.bytes_in":
		return "B"
	case "bytes_in", "req.bytes_in":
		return "U"
	case "txn.timer.total":
		return "Ta"
	case "txn.timer.user":
		return "Tu"
	case "fc.timer.total":
		return "Tt"
	case "bc.timer.connect":
		return "Tc"
	case "res.timer.hdr":
		return "Tr"
	case "txn.sess_term_state":
		return "ts"
	case "txn.conn_retries":
		return "rc"
	case "unique-id":
		return "ID"
	case "ssl_fc_protocol":
		return "sslv"
	case "ssl_fc_cipher":
		return "sslc"
	}
	return ""
}

// header says what that of a request is.
func (it *item) header(name string) {
	switch name {
	case "host":
		it.fill(asOp, field.HostPort, record.Domain)
	case "user-agent":
		it.fill(asOp, field.Text, record.UserAgent)
	case "referer":
		it.fill(asOp, field.Text, record.Referrer)
	case "x-forwarded-for":
		it.fill(asOp, field.Forwarded, record.ClientAddress)
	case "x-forwarded-proto":
		it.fill(asOp, field.Text, record.Scheme)
	case "x-request-id":
		it.fill(asOp, field.Text, record.RequestID)
	case "traceparent", "x-b3-traceid", "b3":
		it.fill(asOp, field.Trace, record.TraceID)
	}
}

// date says what a time is: accept_date and request_date with their aliases' meanings, date when the line was written. One in a format that
// is not known is left aside.
func (it *item) date(name, unit, converters string) {
	rank, ok := map[string]uint8{"request_date": ofRequest, "accept_date": ofAccept, "date": ofLog}[name]
	if !ok {
		return
	}
	if converters == "" {
		it.time(field.TimeEpoch, 0, rank)
		if it.whole = name == "accept_date" && unit == ""; it.whole {
			it.rank = acceptSeconds
		}
		return
	}
	converter, more := cutConverter(converters)
	how, format, _ := strings.Cut(converter, "(")
	local := strings.HasSuffix(how, "ltime") && !strings.Contains(format, "%z")
	format = strings.TrimSuffix(format, ")")
	if i := strings.LastIndexByte(format, ','); i > 0 { // an offset
		format, more = format[:i], "offset"
	}
	format = strings.Trim(format, `"' `)
	if !strings.HasSuffix(how, "time") || more != "" {
		return
	}
	switch bare, _, _ := strings.Cut(format, ".%"); {
	case bare == "%s":
		it.time(field.TimeEpoch, 0, rank)
		local = false
	case strings.HasPrefix(format, "%Y-%m-%d") || strings.HasPrefix(format, "%F"):
		it.time(field.TimeISO, 0, rank)
	case bare == "%d/%b/%Y:%H:%M:%S" || bare == "%d/%b/%Y:%T":
		it.time(field.TimeLocal, 0, rank)
	case format == "%d/%b/%Y:%H:%M:%S %z" || format == "%d/%b/%Y:%T %z":
		it.time(field.TimeCLF, clfLength, rank)
	default:
		layout, err := stamp.NewLayout(format)
		if err != nil || !layout.Dated() {
			return
		}
		it.time(field.TimeLayout, layout.Len(), rank)
		it.op.Layout = layout
	}
	it.local = local
}

// cutConverter cuts an expression before its first comma outside parentheses and quotes.
func cutConverter(s string) (first, more string) {
	if i := outside(s, ','); i >= 0 {
		s, more = s[:i], s[i+1:]
	}
	return strings.TrimSpace(s), strings.TrimSpace(more)
}
