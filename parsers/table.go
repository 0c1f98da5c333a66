// Package parsers holds the table of the formats that gatemeter reads; each family of them is a folder below it.
//
// To add a format, add its folder, a row to the table, and a page to docs/formats.
package parsers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/apache"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/kong"
	"github.com/gatemeter/gatemeter/parsers/nginx"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/parsers/userjson"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Parser reads lines into records; see pipeline.Parser. It is used by one goroutine.
type Parser interface {
	Parse(recs []record.Record)
	Reset(partition *batch.Partition)
}

// Options is what a source says of its format besides the name.
type Options struct {
	Escape string            // of an nginx format string: default, json, none; "" is default
	Fields map[string]string // the log's own names → fields of the record
}

// Format is one row of the table.
type Format struct {
	Name   string
	What   string // in one line
	Sample string // a line of it

	compile func(Options, map[string]field.Op) (func() Parser, error)
	auto    int  // its place among those that auto tries; 0: none
	json    bool // its lines are JSON objects
}

// New returns a function that makes parsers, one for each worker, of a source's `format:`: the name of a format, an nginx
// log_format string, or an Apache LogFormat string, both as they stand in the servers' configs.
func New(spec string, o Options) (func() Parser, error) {
	places, err := fields(o.Fields)
	if err != nil {
		return nil, err
	}
	for _, f := range Formats() {
		if f.Name == spec {
			return f.compile(o, places)
		}
	}
	switch {
	case strings.Contains(spec, "$"):
		return ofProgram(nginx.Compile(spec, o.Escape, places))
	case strings.Contains(spec, "%"):
		return ofProgram(apache.Compile(spec, places))
	}
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
	}
	return nil, fmt.Errorf("no format %.200q%s; nor is it a format string of nginx (with $variables) or Apache (with %%directives)",
		spec, field.DidYouMean(spec, names))
}

func fields(named map[string]string) (map[string]field.Op, error) {
	places := make(map[string]field.Op, len(named))
	for name, place := range named {
		op, err := field.ParsePlace(place)
		if err != nil {
			return nil, fmt.Errorf("fields: %s: %w", name, err)
		}
		places[name] = op
	}
	return places, nil
}

func ofProgram(p *program.Program, err error) (func() Parser, error) {
	if err != nil {
		return nil, err
	}
	return func() Parser { return program.NewParser(p) }, nil
}

func newKong(_ Options, places map[string]field.Op) (func() Parser, error) {
	if len(places) > 0 {
		return nil, errors.New("fields: kong's names have their places; format json takes names of your own")
	}
	return func() Parser { return kong.New() }, nil
}

func newJSON(_ Options, places map[string]field.Op) (func() Parser, error) {
	mapping := userjson.NewMapping(places)
	return func() Parser { return userjson.New(mapping) }, nil
}

// Formats returns the table, ordered by name.
func Formats() []Format {
	nginxFormat := func(name, what, format, sample string, auto int) Format {
		return Format{name, what, sample, func(o Options, f map[string]field.Op) (func() Parser, error) {
			return ofProgram(nginx.Compile(format, o.Escape, f))
		}, auto, false}
	}
	apacheFormat := func(name, what, format, sample string, auto int) Format {
		return Format{name, what, sample, func(_ Options, f map[string]field.Op) (func() Parser, error) {
			return ofProgram(apache.Compile(format, f))
		}, auto, false}
	}
	const line = `203.0.113.7 - ann [21/Nov/2026:04:00:00 +0000] "GET /orders/4711 HTTP/1.1" 200 612`
	const agent = line + ` "https://example.com/" "curl/8.5.0"`
	formats := []Format{
		nginxFormat("nginx", "nginx's default, combined", nginx.Combined, agent, 0),
		nginxFormat("combined", "the combined format of nginx and Apache", nginx.Combined, agent, 5),
		nginxFormat("nginx_main", "combined and $http_x_forwarded_for, as nginx's packages and image have it", nginx.Main, agent+` "-"`, 4),
		nginxFormat("nginx_timed", "combined, $request_time and $upstream_response_time", nginx.Timed, agent+` 0.012 0.010`, 3),
		nginxFormat("ingress_nginx", "the Kubernetes ingress controller's default", nginx.Ingress,
			agent+` 512 0.012 [shop-orders-80] [] 10.0.0.7:8080 612 0.010 200 8f2c1d0e9b7a`, 2),
		nginxFormat("kong_nginx", "Kong's nginx log", nginx.Kong, agent+` kong_request_id: "678281372fb8907ed06d517cf515de78"`, 1),
		apacheFormat("common", "the Common Log Format", apache.Common, line, 6),
		apacheFormat("vhost_combined", "Debian's Apache: virtual host, port, combined", apache.VHostCombined, "www.example.com:443 "+agent, 7),
	}
	formats = append(formats,
		Format{
			"kong", "Kong's JSON: file-log, http-log and their siblings",
			`{"started_at":1795233600000,"client_ip":"203.0.113.7","request":{"method":"GET","uri":"/orders/4711"},"response":{"status":200,"size":912},"latencies":{"request":12,"kong":2,"proxy":10},"service":{"name":"orders"},"route":{"name":"get-order"}}`,
			newKong, 8, true,
		},
		Format{
			"json", "a JSON object a line: nginx's escape=json, ECS, or names of your own given by fields",
			`{"time_iso8601":"2026-11-21T04:00:00+00:00","remote_addr":"203.0.113.7","request":"GET /orders/4711 HTTP/1.1","status":200,"request_time":0.012}`,
			newJSON, 9, true,
		},
		Format{"auto", "finds the format of each line by itself", "", newAuto, 0, false},
	)
	slices.SortFunc(formats, func(a, b Format) int { return strings.Compare(a.Name, b.Name) })
	return formats
}
