package userjson

import (
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/nginx"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Ranks say which of several keys fills a field: the lowest. Of keys of one rank the first in the line does.
const (
	byConfig uint8 = iota + 1
	byECS
	byVariable // nginx's names; of its times the one that says most
	byVariableISO
	byVariableLocal
	byHabit // names in common use; a value that is not what the name says is left aside
	never
)

// variables are nginx's names, as users of escape=json give them to keys.
var variables = []string{
	"msec", "time_iso8601", "time_local",
	"request", "request_method", "request_uri", "uri", "document_uri", "args", "query_string", "server_protocol",
	"status", "body_bytes_sent", "bytes_sent", "request_length", "content_length", "request_time",
	"remote_addr", "remote_port", "remote_user", "http_referer", "http_user_agent", "host", "http_host", "server_name", "scheme",
	"request_id", "req_id", "kong_request_id", "otel_trace_id", "opentelemetry_trace_id", "ssl_protocol", "ssl_cipher",
	"upstream_response_time", "upstream_status", "upstream_addr", "upstream_cache_status", "proxy_upstream_name",
}

// habits are names in common use that say what they hold, units included.
var habits = map[string]field.Op{
	"time":      {Action: field.TimeAny, Field: record.Time},
	"timestamp": {Action: field.TimeAny, Field: record.Time},
	"ts":        {Action: field.TimeAny, Field: record.Time},

	"method":          {Action: field.Text, Field: record.Method},
	"url":             {Action: field.Text, Field: record.URL},
	"path":            {Action: field.Text, Field: record.URL},
	"protocol":        {Action: field.Protocol, Field: record.HTTPVersion},
	"status_code":     {Action: field.Number, Field: record.Status},
	"client_ip":       {Action: field.Text, Field: record.ClientAddress},
	"remote_ip":       {Action: field.Text, Field: record.ClientAddress},
	"user_agent":      {Action: field.Text, Field: record.UserAgent},
	"referer":         {Action: field.Text, Field: record.Referrer},
	"referrer":        {Action: field.Text, Field: record.Referrer},
	"trace_id":        {Action: field.Text, Field: record.TraceID},
	"http_x_trace_id": {Action: field.Text, Field: record.TraceID},
}

// wellKnown returns the tree of the keys that need no mapping.
func wellKnown() *node {
	root := &node{}
	for name, op := range habits {
		root.add(name, target{Op: op, rank: byHabit})
	}
	for _, name := range variables {
		op, ok := nginx.Meaning(name)
		if !ok {
			panic("BUG: nginx has no variable $" + name)
		}
		rank := byVariable
		switch op.Action {
		case field.TimeISO:
			rank, op.Action = byVariableISO, field.TimeAny // some write other times under this name
		case field.TimeCLF:
			rank, op.Action = byVariableLocal, field.TimeAny
		}
		root.add(name, target{Op: op, rank: rank})
	}
	for _, name := range record.Names() {
		if op, err := field.ParsePlace(name); err == nil {
			root.add(name, target{Op: op, rank: byECS})
		}
	}
	return root
}
