package auto

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// What gateways log about themselves often stands on one stream with their access log. These lines are known by how they begin; an
// access log never begins so.

// selfLogs are how lines begin that images and servers write when they start. They are never written to.
var selfLogs = [...][]byte{
	[]byte("/docker-entrypoint"), []byte("nginx: ["), []byte("[KRAKEND] "),
}

func beginsSelfLog(line []byte) bool {
	for _, begin := range selfLogs {
		if bytes.HasPrefix(line, begin) {
			return true
		}
	}
	return isKlog(line)
}

// isKlog reports whether line is Kubernetes' logger's, as ingress-nginx's controller has it: `I1010 11:55:36.043958       7 main.go:100] …`.
func isKlog(line []byte) bool {
	if len(line) < 30 || line[5] != ' ' || line[8] != ':' || line[11] != ':' || line[14] != '.' {
		return false
	}
	for _, c := range line[1:5] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return line[0] == 'I' || line[0] == 'W' || line[0] == 'E' || line[0] == 'F'
}

// isLeveled reports whether a level follows the time that line begins with: Istio's `2025-10-10T11:55:36.043958Z	info	…`, Traefik's
// `2025-10-10T11:55:36Z INF …`, Caddy's `2025/10/10 11:55:36.043	INFO	…` but for its access log, KrakenD's `2025/10/10 11:55:36 KRAKEND INFO: …`.
func isLeveled(line []byte) bool {
	const date = len("2025-10-10 ")
	i := bytes.IndexAny(line[date:min(len(line), 48)], " \t")
	if i < 0 {
		return false
	}
	rest := line[date+i+1:]
	rest = bytes.TrimPrefix(rest, []byte("KRAKEND "))
	i = bytes.IndexAny(rest[:min(len(rest), 16)], " \t:")
	if i < 0 {
		return false
	}
	switch string(rest[:i]) {
	case "TRC", "DBG", "INF", "WRN", "ERR", "FTL":
	case "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "FATAL", "debug", "info", "warn", "warning", "error", "fatal":
		if rest[i] == ' ' { // a load balancer may be called so
			return false
		}
	default:
		return false
	}
	return !bytes.HasPrefix(rest[i+1:], []byte("http.log.access"))
}

// passApplication passes over an object that no format reads, when it is what a program says about itself: a level, a message and a
// time, as logrus, zap, zerolog and slog write them. A message that has a request in it is an access log's line in a wrapping that is
// not known: that is to be seen.
func (p *Parser) passApplication(r *record.Record) {
	var level, message, when bool
	s := &p.own
	s.Start(r.Line)
	for s.Next() {
		text := s.Kind() == jsonscan.String
		switch string(s.Key()) {
		case "level":
			level = level || text
		case "msg", "message":
			message = message || text && !bytes.Contains(s.Text(), []byte(" HTTP/"))
		case "time", "ts":
			when = when || text || s.Kind() == jsonscan.Number
		}
	}
	if reason, _ := s.End(); reason == record.None && level && message && when {
		reread(r)
		field.Pass(r)
	}
}
