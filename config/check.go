package config

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/parsers"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/redact"
	"github.com/gatemeter/gatemeter/pipeline/route"
)

// check reports what is of the right type and still wrong.
func (l *loader) check(c *Config) {
	l.decoded = len(l.errors)
	l.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	l.oneOf("log.format", c.Log.Format, "text", "json")
	if c.DataDir == "" {
		l.at("data_dir", "is empty: cursors have to be kept somewhere")
	}
	if c.Listen != "" && l.hostPort("listen", c.Listen) && strings.HasPrefix(c.Listen, ":") {
		l.at("listen", "%s names no host: write 127.0.0.1%[2]s, or 0.0.0.0%[2]s if every network may read it", quote(c.Listen), c.Listen)
	}
	l.between("workers", c.Workers, 0, 1024)
	l.size("max_in_flight", c.MaxInFlight, 2<<20, 1<<40)
	l.duration("shutdown_timeout", c.ShutdownTimeout, 0, time.Hour)
	l.metrics(&c.Metrics)
	l.redact(&c.Redact)
	if len(c.Sources) == 0 && l.nodes["sources"] == nil {
		l.errors = append(l.errors, Problem{File: l.file, Text: "no sources: what is to be read? For example\n  sources: {edge: {type: file, paths: [/var/log/nginx/access.log]}}"})
	}
	for name, s := range ordered(c.Sources) {
		l.source("sources."+name, s)
	}
	l.sharedSources(c)
	targets := map[string]string{}
	for name, s := range ordered(c.Sinks) {
		key := "sinks." + name
		l.sink(key, s)
		target := s.Type + " " + s.Address + strings.Join(s.URLs, " ") + s.DataStream + s.Index + s.Prefix
		if other, taken := targets[target]; taken {
			l.at(key, "sends to the same place under the same names as sinks.%s: each would overwrite or double the other", other)
		}
		targets[target] = name
	}
	if len(c.Sinks) == 0 && l.nodes["sinks"] == nil {
		l.warn("sinks", "there are none: lines are read and counted, and the numbers go nowhere but to the live view and /metrics")
	}
}

// ordered returns m's entries in the order of their names.
func ordered[T any](m map[string]T) func(func(string, T) bool) {
	return func(yield func(string, T) bool) {
		names := make([]string, 0, len(m))
		for name := range m {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			if !yield(name, m[name]) {
				return
			}
		}
	}
}

func (l *loader) warn(key, text string) {
	l.warnings = append(l.warnings, Problem{File: l.file, Line: l.line(key), Key: key, Text: text})
}

func (l *loader) oneOf(key, value string, known ...string) {
	if !slices.Contains(known, value) {
		l.at(key, "%s is unknown%s", quote(value), suggestion(value, known))
	}
}

func (l *loader) duration(key string, d, least, most time.Duration) {
	if d < least || d > most {
		l.at(key, "%v is out of range: %v to %v", d, least, most)
	}
}

func (l *loader) size(key string, s, least, most Size) {
	if s < least || s > most {
		l.at(key, "%v is out of range: %v to %v", s, least, most)
	}
}

func (l *loader) between(key string, n, least, most int) {
	if n < least || n > most {
		l.at(key, "%d is out of range: %d to %d", n, least, most)
	}
}

func (l *loader) hostPort(key, address string) bool {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		l.at(key, "%s is no address like 127.0.0.1:2003", quote(address))
		return false
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		l.at(key, "%s has no port between 0 and 65535", quote(address))
		return false
	}
	return true
}

func (l *loader) metrics(m *Metrics) {
	if m.Window < time.Second || m.Window > 24*time.Hour || m.Window%time.Second != 0 {
		l.at("metrics.window", "%v is not a number of whole seconds from 1s to 24h", m.Window)
	}
	l.duration("metrics.lateness", m.Lateness, 0, 24*time.Hour)
	l.duration("metrics.amend", m.Amend, 0, 24*time.Hour)
	l.duration("metrics.max_future", m.MaxFuture, 0, 365*24*time.Hour)
	l.duration("metrics.idle_timeout", m.IdleTimeout, time.Second, time.Hour)
	l.between("metrics.max_series", m.MaxSeries, 1, 1_000_000)
	if len(m.Percentiles) > 20 {
		l.at("metrics.percentiles", "there are %d: at most 20", len(m.Percentiles))
	}
	for i, p := range m.Percentiles {
		if !(p > 0 && p < 100) {
			l.at("metrics.percentiles", "%v does not lie between 0 and 100", p)
		}
		if slices.Contains(m.Percentiles[:i], p) {
			l.at("metrics.percentiles", "%v is given twice", p)
		}
	}
	if len(m.Rollups) > 16 {
		l.at("metrics.rollups", "there are %d: at most 16", len(m.Rollups))
	}
	for name, dims := range ordered(m.Rollups) {
		key := "metrics.rollups." + name
		if !validName(name) {
			l.at(key, "a name has 1 to 64 letters, digits, - and _")
		}
		for i, d := range dims {
			if _, ok := pipeline.LookupDimension(d); !ok {
				l.at(key, "no dimension %s%s", quote(d), suggestion(d, slices.Clone(pipeline.DimensionNames())))
			}
			if slices.Contains(dims[:i], d) {
				l.at(key, "%s is given twice", d)
			}
		}
	}
	for _, p := range m.Routes {
		if _, err := route.New([]string{p}); err != nil {
			l.at("metrics.routes", "%v", err)
		}
	}
	if _, err := route.New(m.Routes); err != nil && len(l.errors) == 0 {
		l.at("metrics.routes", "%v", err)
	}
}

func (l *loader) redact(r *Redact) {
	if r.Query == nil {
		r.Query = redact.DefaultNames()
	}
	if _, err := redact.New(redact.Config{Query: r.Query}); err != nil {
		l.at("redact.query", "%v", err)
	}
	l.oneOf("redact.addresses", r.Addresses, "keep", "truncate", "hash")
	l.oneOf("redact.users", r.Users, "keep", "drop", "hash")
	if (r.Addresses == "hash" || r.Users == "hash") && r.Salt == "" {
		l.at("redact.salt", "is missing: hashes without a salt can be undone by trying all addresses; salt: ${file:/path/to/secret}")
	}
}

// Parsers returns what makes parsers of the source's lines. It is for one that has no mistakes but in its format.
func (s *Source) Parsers() (func() parsers.Parser, error) {
	var zone *time.Location
	if s.Timezone != "" {
		var err error
		if zone, err = time.LoadLocation(s.Timezone); err != nil {
			return nil, err
		}
	}
	return parsers.New(s.Format, parsers.Options{Escape: s.Escape, Fields: s.Fields, Time: s.Time, Location: zone})
}

// sharedSources reports what two sources cannot share, and warns of files that both would read.
func (l *loader) sharedSources(c *Config) {
	sockets, stream := map[string]string{}, ""
	if c.Listen != "" {
		sockets["tcp "+c.Listen] = "listen"
	}
	type glob struct{ key, pattern string }
	var globs []glob
	for name, s := range ordered(c.Sources) {
		key := "sources." + name
		switch s.Type {
		case "stdin":
			if stream != "" {
				l.at(key, "reads standard input, as %s does: there is only one", stream)
			}
			stream = key
		case "syslog", "http":
			for _, a := range s.Listen {
				socket := socketOf(a)
				if other := sockets[socket]; other != "" && other != key && !strings.HasSuffix(a, ":0") {
					l.at(key+".listen", "%s is the address of %s too", quote(a), other)
				}
				sockets[socket] = key
			}
		case "file":
			for _, p := range s.Paths {
				p = filepath.Clean(p)
				for _, g := range globs {
					if g.key != key && (overlap(g.pattern, p) || overlap(p, g.pattern)) {
						l.warn(key+".paths", quote(p)+" may match what "+g.key+" reads: a line counts in each source that reads it")
						break
					}
				}
				globs = append(globs, glob{key, p})
			}
		}
	}
}

// overlap reports whether pattern matches path, itself perhaps a pattern.
func overlap(pattern, path string) bool {
	ok, _ := filepath.Match(pattern, path)
	return ok || pattern == path
}

// socketOf returns an address without what says how bytes are read from its socket.
func socketOf(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	switch scheme {
	case "udp", "unix", "unixgram":
		return scheme + " " + rest
	}
	return "tcp " + rest
}

func (l *loader) source(key string, s *Source) {
	before := len(l.errors)
	l.size(key+".max_line", s.MaxLine, 1<<10, 255<<10)
	if s.Escape != "" {
		l.oneOf(key+".escape", s.Escape, "default", "json", "none")
	}
	if s.Time != "" {
		l.oneOf(key+".time", s.Time, "start", "end")
	}
	if _, err := time.LoadLocation(s.Timezone); err != nil {
		l.at(key+".timezone", "%s is no place of the time zone database: write it like Europe/Berlin", quote(s.Timezone))
	}
	for name, place := range ordered(s.Fields) {
		if _, err := field.ParsePlace(place); err != nil {
			l.at(key+".fields."+name, "%v", err)
		}
	}
	if s.Format == "" {
		l.at(key+".format", "is empty: auto finds the format by itself")
	} else if len(l.errors) == before {
		if _, err := s.Parsers(); err != nil {
			l.at(key+".format", "%v", err)
		}
	}
	switch s.Type {
	case "file":
		l.fileSource(key, s)
	case "kafka":
		l.kafkaSource(key, s)
	case "syslog":
		l.syslogSource(key, s)
	case "http":
		l.httpSource(key, s)
	}
}

func (l *loader) start(key, start string) {
	if start == "beginning" || start == "end" {
		return
	}
	if _, err := time.Parse(time.RFC3339, start); err != nil {
		l.at(key, "%s is neither beginning nor end nor a time like 2026-11-21T00:00:00Z", quote(start))
	}
}

func (l *loader) fileSource(key string, s *Source) {
	if len(s.Paths) == 0 {
		l.at(key+".paths", "is missing: the files to read, for example [/var/log/nginx/access*.log]")
	}
	for _, p := range s.Paths {
		switch _, err := filepath.Match(p, ""); {
		case p == "":
			l.at(key+".paths", "has an empty path")
		case err != nil:
			l.at(key+".paths", "%s is a malformed glob: a [ without its ]", quote(p))
		case !filepath.IsAbs(p):
			l.warn(key+".paths", quote(p)+" is relative: it depends on the folder gatemeter is started in")
		}
	}
	l.start(key+".start", s.Start)
	l.duration(key+".rotate_wait", s.RotateWait, 0, time.Hour)
	l.duration(key+".poll_interval", s.PollInterval, 10*time.Millisecond, time.Minute)
}

func (l *loader) sink(key string, s *Sink) {
	switch s.Type {
	case "graphite":
		l.address(key+".address", s.Address, "tcp", "tls", "udp")
		l.oneOf(key+".protocol", s.Protocol, "plaintext", "pickle")
		if s.Protocol == "pickle" && strings.HasPrefix(s.Address, "udp://") {
			l.at(key+".protocol", "pickle needs tcp or tls: carbon takes only plaintext over udp")
		}
		if u, err := url.Parse(s.Render); s.Render != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			l.at(key+".render_url", "is no URL like http://127.0.0.1:8080")
		}
		l.clientTLS(key+".tls", &s.TLS, strings.HasPrefix(s.Address, "tls://"), "the address is not tls://")
		if s.SpoolSize != 0 && (s.SpoolSize < 1<<20 || s.SpoolSize > 1<<40) {
			l.at(key+".spool_size", "%s is out of range: 1MiB to 1TiB, or 0 for no spool", s.SpoolSize)
		}
		l.duration(key+".spool_age", s.SpoolAge, 0, 10*365*24*time.Hour)
	case "statsd":
		l.address(key+".address", s.Address, "udp", "tcp", "unixgram")
		l.oneOf(key+".dialect", s.Dialect, "statsd", "dogstatsd")
		l.oneOf(key+".delivery", s.Delivery, "at_most_once", "at_least_once")
		l.between(key+".max_packet", s.MaxPacket, 512, 65507)
		l.duration(key+".max_age", s.MaxAge, 0, 365*24*time.Hour)
	case "elasticsearch":
		l.elasticsearch(key, s)
		return
	}
	l.duration(key+".timeout", s.Timeout, 100*time.Millisecond, time.Hour)
	l.between(key+".queue", s.Queue, 1000, 100_000_000)
	for _, node := range strings.Split(s.Prefix, ".") {
		if s.Prefix != "" && !validName(node) {
			l.at(key+".prefix", "%s: between dots stand letters, digits, - and _", quote(s.Prefix))
			break
		}
	}
}

func (l *loader) address(key, address string, schemes ...string) {
	scheme, rest, ok := strings.Cut(address, "://")
	switch {
	case strings.Contains(address, "@") && scheme != "unixgram":
		l.at(key, "has an @ in it: who logs in, and a password, cannot be given here, and would be printed")
	case address == "":
		l.at(key, "is missing: for example %s://127.0.0.1:2003", schemes[0])
	case !ok:
		l.at(key, "%s does not say how to get there: %s://%.200s", quote(address), schemes[0], address)
	case !slices.Contains(schemes, scheme):
		l.at(key, "%s: %s is unknown here; %s are known", quote(address), quote(scheme), strings.Join(schemes, ", "))
	case scheme == "unixgram":
		if !strings.HasPrefix(rest, "/") {
			l.at(key, "%s: a socket's path begins with /", quote(address))
		}
	case l.hostPort(key, rest):
		if host, port, _ := net.SplitHostPort(rest); host == "" || port == "0" {
			l.at(key, "%s names no host or no port to send to", quote(address))
		}
	}
}

func (l *loader) elasticsearch(key string, s *Sink) {
	if len(s.URLs) == 0 {
		l.at(key+".urls", "is missing: for example [http://127.0.0.1:9200]")
	}
	for _, raw := range s.URLs {
		u, err := url.Parse(raw)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			l.at(key+".urls", "an entry is no URL like http://127.0.0.1:9200")
		case u.User != nil:
			l.at(key+".urls", "a URL holds a password, which would be printed: use username and password")
		}
	}
	switch {
	case s.DataStream != "" && s.Index != "":
		l.at(key+".index", "and data_stream exclude each other")
	case s.DataStream == "" && s.Index == "":
		s.DataStream = "logs-gateway.access-default"
	}
	if name := cmp.Or(s.DataStream, s.Index); name != strings.ToLower(name) || strings.ContainsAny(name, `\/*?"<>| ,#:`) || strings.HasPrefix(name, "-") {
		if s.Index == "" || strings.ContainsAny(name, `\/*?"<>| ,#:`) || strings.ToLower(strings.NewReplacer("%Y", "", "%m", "", "%d", "", "%H", "").Replace(name)) != strings.NewReplacer("%Y", "", "%m", "", "%d", "", "%H", "").Replace(name) {
			l.at(key+".data_stream", `%s is no name for Elasticsearch: lower case, without \ / * ? " < > | , # : and spaces`, quote(name))
		}
	}
	if s.APIKey != "" && s.Username != "" {
		l.at(key+".api_key", "and username exclude each other")
	}
	if (s.Username == "") != (s.Password == "") {
		l.at(key+".username", "and password belong together: one of them is missing")
	}
	l.oneOf(key+".original", s.Original, "malformed", "always", "never")
	l.size(key+".request_bytes", s.RequestBytes, 64<<10, 90<<20)
	l.duration(key+".flush_interval", s.FlushInterval, 10*time.Millisecond, time.Minute)
	l.duration(key+".timeout", s.Timeout, 100*time.Millisecond, time.Hour)
	l.between(key+".concurrency", s.Concurrency, 1, 64)
	l.size(key+".max_in_flight", s.MaxInFlight, 1<<20, 1<<40)
	if s.MaxInFlight >= 1<<20 && s.MaxInFlight < s.RequestBytes {
		l.at(key+".max_in_flight", "%v is less than request_bytes, %v: no request would be full", s.MaxInFlight, s.RequestBytes)
	}
	l.size(key+".dead_letters", s.DeadLetters, 1<<20, 1<<40)
	if s.Retention != 0 {
		l.duration(key+".retention", s.Retention, time.Hour, 100*365*24*time.Hour)
	}
	l.newIndices(key, s)
	isTLS := slices.ContainsFunc(s.URLs, func(u string) bool { return strings.HasPrefix(u, "https://") })
	l.clientTLS(key+".tls", &s.TLS, isTLS, "no URL begins with https://")
}

// newIndices checks what the template says of indices that are made from now on.
func (l *loader) newIndices(key string, s *Sink) {
	l.between(key+".shards", s.Shards, 0, 1024)
	l.between(key+".replicas", s.Replicas, -1, 100)
	_, err := parseDuration(s.Lifecycle)
	switch {
	case s.Lifecycle == "":
	case err == nil:
		l.at(key+".lifecycle", "is the name of a policy, or none; how long documents are kept is retention: %s", s.Lifecycle)
	case len(s.Lifecycle) > 255 || s.Lifecycle[0] == '_' || strings.ContainsAny(s.Lifecycle, ", "):
		l.at(key+".lifecycle", "%s is no name of a policy: it has a comma or a space, begins with _, or is too long", quote(s.Lifecycle))
	case l.given(key + ".retention"):
		l.at(key+".retention", "is of gatemeter's own policy, and lifecycle asks for another: leave out one of them")
	}
	for _, k := range []string{"lifecycle", "shards", "replicas"} {
		if !s.Setup && l.given(key+"."+k) {
			l.at(key+"."+k, "is part of the template that setup installs, and setup is false")
		}
	}
}

// given reports whether the file or the environment has a value for key.
func (l *loader) given(key string) bool {
	return l.nodes[key] != nil || l.inEnvironment(strings.Split(key, "."))
}

// clientTLS checks the keys below a sink's tls:. When the connection is not encrypted there should be none of them, and why says
// so.
func (l *loader) clientTLS(key string, t *TLS, encrypted bool, why string) {
	if *t != (TLS{}) && !encrypted {
		l.at(key, "is not used: %s", why)
	}
	if t.InsecureSkipVerify {
		if t.CA != "" || t.ServerName != "" {
			l.at(key+".insecure_skip_verify", "takes any certificate: ca and server_name would say nothing")
		}
		l.warn(key+".insecure_skip_verify", "whoever is between here and the server can read and change what is sent")
	}
	l.tls(key, t)
}

// tls checks what client and server have in common.
func (l *loader) tls(key string, t *TLS) {
	if (t.Cert == "") != (t.Key == "") {
		l.at(key, "cert and key belong together: one of them is missing")
	}
	before := len(l.errors)
	read := func(name, path string) []byte {
		if path == "" {
			return nil
		}
		pem, err := os.ReadFile(path)
		switch {
		case err == nil:
			return pem
		case errors.Is(err, fs.ErrPermission): // who runs gatemeter may well be another who may read it
			l.warn(key+"."+name, err.Error())
		default:
			l.at(key+"."+name, "%v", err)
		}
		return nil
	}
	if pem := read("ca", t.CA); pem != nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		l.at(key+".ca", "%s holds no certificate in PEM", quote(t.CA))
	}
	cert, private := read("cert", t.Cert), read("key", t.Key)
	if cert != nil && private != nil && len(l.errors) == before {
		if _, err := tls.X509KeyPair(cert, private); err != nil {
			l.at(key+".cert", "with key: %s", strings.TrimPrefix(err.Error(), "tls: "))
		}
	}
}

// Fingerprint returns a short text that differs when anything differs that shapes the windows: two runs with the same one
// make the same windows of the same bytes.
func (c *Config) Fingerprint() string {
	m := c.Metrics
	data, err := json.Marshal([]any{
		1, m.Window, m.Lateness, m.Amend, m.MaxSeries, m.Rollups, m.Routes, m.StatusCodes,
		c.Filters, c.Redact.Addresses, c.Redact.Users,
	})
	if err != nil {
		panic("BUG: a config that cannot be written as JSON: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
