// Package envelope finds the records in a payload, a Kafka message's or an HTTP request's: one line, several lines, JSON objects
// one after the other or in an array, each a record or an envelope that Filebeat, Fluent Bit, Vector, Logstash or CloudWatch Logs
// has put around one.
//
// It looks no further into JSON than it must to find where values end and what the few names are that make an envelope. What is
// broken is passed on as it stands, a line at a time, for a parser to refuse and count: nothing is left out but what is blank.
package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// Mode says what a payload is.
type Mode uint8

// The modes.
const (
	// Auto tells by looking. An object with a text in `message` or `log` is an envelope, unless it has a field that a gateway's own
	// JSON has. CloudWatch Logs subscriptions, requests of OpenTelemetry, and objects with their records in an array `records`, are
	// taken apart.
	Auto    Mode = iota
	None         // lines
	Message      // JSON objects with the line in `message`
	Log          // JSON objects with the line in `log`
	numModes
)

var modeNames = [numModes]string{Auto: "auto", None: "none", Message: "message", Log: "log"}

// Modes returns the names of the modes.
func Modes() []string { return append([]string(nil), modeNames[:]...) }

// ParseMode returns the mode called name.
func ParseMode(name string) (Mode, error) {
	for m, n := range modeNames {
		if n == name {
			return Mode(m), nil
		}
	}
	return Auto, fmt.Errorf("envelope %.200q is unknown: %s are known", name, modeNames)
}

// ErrTooLarge is what Split's error wraps when a compressed payload has more in it than MaxBytes.
var ErrTooLarge = errors.New("more than may be decompressed")

// Splitter takes payloads apart. It is used by one goroutine; the zero Splitter is in mode Auto.
type Splitter struct {
	Mode     Mode
	MaxBytes int // that one payload may have when decompressed, and what is repeated in its records. 0: 64 MiB

	gzip    *gzip.Reader
	source  bytes.Reader
	plain   bytes.Buffer // decompressed
	scratch []byte       // a text without its escapes

	repeated int // bytes of records that have what others of the payload at hand have too
}

func (s *Splitter) most() int {
	if s.MaxBytes == 0 {
		return 64 << 20
	}
	return s.MaxBytes
}

// maxKept bounds what a Splitter keeps from one payload to the next.
const maxKept = 1 << 20

// Split calls emit with each record of payload, without its line end. A record is valid during the call; it may point into
// payload, which is not changed. Blank records are left out. An error says that the payload is compressed and cannot be
// decompressed; records may have been emitted before.
func (s *Splitter) Split(payload []byte, emit func(record []byte)) error {
	if s.Mode == None {
		lines(payload, emit)
		return nil
	}
	if len(payload) > 2 && payload[0] == 0x1f && payload[1] == 0x8b {
		plain, err := s.decompress(payload)
		if err == nil {
			s.split(plain, emit)
		}
		if s.plain.Cap() > maxKept {
			s.plain = bytes.Buffer{}
		}
		return err
	}
	s.split(payload, emit)
	return nil
}

// Single reports whether payload is one line that is nothing but itself, as most are, and returns it as Split would emit it. Otherwise
// only Split can tell what is in it.
func (s *Splitter) Single(payload []byte) (line []byte, single bool) {
	if len(payload) == 0 || payload[0] <= ' ' { // blank, or white space before something; 0x1f of gzip is among them
		return nil, false
	}
	if c := payload[0]; s.Mode != None && (c == '{' || c == '[' || c == 0xef) {
		return nil, false
	}
	line = payload
	if n := bytes.IndexByte(payload, '\n'); n >= 0 {
		if n < len(payload)-1 {
			return nil, false
		}
		line = payload[:n]
	}
	for line[len(line)-1] == '\r' { // there is a byte that is none
		line = line[:len(line)-1]
	}
	return line[:len(line):len(line)], true
}

// decompress returns what is in gzip members one after the other, valid until the next call.
func (s *Splitter) decompress(payload []byte) ([]byte, error) {
	most := s.most()
	s.source.Reset(payload)
	if s.gzip == nil {
		s.gzip = new(gzip.Reader)
	}
	if err := s.gzip.Reset(&s.source); err != nil {
		return nil, fmt.Errorf("decompress a payload of %d bytes: %w", len(payload), err)
	}
	s.plain.Reset()
	n, err := s.plain.ReadFrom(io.LimitReader(s.gzip, int64(most)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("decompress a payload of %d bytes: %w", len(payload), err)
	case n > int64(most):
		return nil, fmt.Errorf("decompress a payload of %d bytes: %w (%d)", len(payload), ErrTooLarge, most)
	}
	return s.plain.Bytes(), nil
}

// split takes apart what is not compressed.
func (s *Splitter) split(p []byte, emit func([]byte)) {
	s.repeated = 0
	p = bytes.TrimPrefix(p, []byte("\xef\xbb\xbf"))
	i := space(p, 0)
	switch {
	case i == len(p):
	case p[i] == '{':
		s.objects(p[i:], emit)
	case p[i] == '[' && s.array(p[i:], emit):
	default:
		lines(p, emit)
	}
	if cap(s.scratch) > maxKept {
		s.scratch = nil
	}
}

// lines emits each line of p that is not blank.
func lines(p []byte, emit func([]byte)) {
	for len(p) > 0 {
		line := p
		if n := bytes.IndexByte(p, '\n'); n >= 0 {
			line, p = p[:n], p[n+1:]
		} else {
			p = nil
		}
		emitLine(line, emit)
	}
}

// emitLine emits a line without the carriage return at its end, if it is not blank.
func emitLine(line []byte, emit func([]byte)) {
	line = bytes.TrimRight(line, "\r\n")
	if space(line, 0) < len(line) {
		emit(line[:len(line):len(line)])
	}
}

// objects emits the records of p, which begins with an object. Objects follow one another, on a line each or not.
func (s *Splitter) objects(p []byte, emit func([]byte)) {
	byLine := false // an object of several lines is broken: each line is taken by itself, lest every one be looked through to the end
	for i := space(p, 0); i < len(p); i = space(p, i) {
		end := bytes.IndexByte(p[i:], '\n')
		if end < 0 {
			end = len(p)
		} else {
			end += i
		}
		within := p
		if byLine {
			within = p[:end]
		}
		if p[i] == '{' {
			after, ok := skipValue(within, i)
			if next := blank(p, after); ok && (next == len(p) || p[next] == '\n' || p[next] == '{') {
				s.object(p[i:after], emit)
				i = after
				continue
			}
			byLine = byLine || after > end
		}
		emitLine(p[i:end], emit)
		i = end
	}
}

// array emits the records of the array that p is, and reports whether it is one: text formats begin with a bracket too.
func (s *Splitter) array(p []byte, emit func([]byte)) bool {
	first := space(p, 1)
	if first == len(p) || p[first] != '{' && p[first] != '"' && p[first] != ']' {
		return false
	}
	end, ok := skipValue(p, 0)
	if !ok || space(p, end) != len(p) || !eachElement(p[:end], func([]byte) {}) {
		return false
	}
	return eachElement(p[:end], func(e []byte) {
		switch e[0] {
		case '{':
			s.object(e, emit)
		case '"':
			if text, ok := s.text(e); ok {
				emitLine(text, emit)
				return
			}
			emit(e)
		default:
			emit(e)
		}
	})
}

// object emits what is in an object: itself, or what it is an envelope of.
func (s *Splitter) object(o []byte, emit func([]byte)) {
	switch s.Mode {
	case Message:
		if line, ok := s.text(member(o, "message")); ok {
			emitLine(line, emit)
			return
		}
	case Log:
		if line, ok := s.text(member(o, "log")); ok {
			emitLine(line, emit)
			return
		}
	case Auto:
		if s.open(o, emit) {
			return
		}
	}
	emit(o[:len(o):len(o)])
}

// parts are the members of an object that make it an envelope.
type parts struct {
	message, log, logEvents, messageType, records, resourceLogs []byte
	own                                                         bool // it has a field of a gateway's own JSON
}

// open emits what is in an envelope, and reports whether o is one.
func (s *Splitter) open(o []byte, emit func([]byte)) bool {
	// Most objects are no envelopes, and looking for a few names costs less than walking over all.
	if !bytes.Contains(o, []byte(`"message"`)) && !bytes.Contains(o, []byte(`"log"`)) &&
		!bytes.Contains(o, []byte(`"logEvents"`)) && !bytes.Contains(o, []byte(`"records"`)) && !bytes.Contains(o, []byte(`"resourceLogs"`)) {
		return false
	}
	var p parts
	eachMember(o, func(key, value []byte) {
		switch string(key) {
		case "message":
			p.message = value
		case "log":
			p.log = value
		case "logEvents":
			p.logEvents = value
		case "messageType":
			p.messageType = value
		case "records":
			p.records = value
		case "request", "response", "status", "status_code", "latencies", "http", "url", "method", "request_method", "http_method",
			"request_uri", "uri", "remote_addr", "client_ip", "response_code":
			p.own = true
		case "resourceLogs":
			p.resourceLogs = value
		default:
			if bytes.HasPrefix(key, []byte("http.")) || bytes.HasPrefix(key, []byte("url.")) { // the Elastic Common Schema's, with dots
				p.own = true
			}
		}
	})
	if p.messageType != nil && len(p.logEvents) > 0 && p.logEvents[0] == '[' {
		if string(p.messageType) == `"CONTROL_MESSAGE"` { // only says that the subscription works
			return true
		}
		return eachElement(p.logEvents, func(event []byte) {
			if line, ok := s.text(member(event, "message")); ok {
				emitLine(line, emit)
			} else {
				emit(event)
			}
		})
	}
	if p.own {
		return false
	}
	if p.resourceLogs != nil {
		return s.otlp(o, p.resourceLogs, emit)
	}
	for _, text := range [][]byte{p.message, p.log} {
		if line, ok := s.text(text); ok {
			emitLine(line, emit)
			return true
		}
	}
	if len(p.records) > 0 && p.records[0] == '[' {
		first := space(p.records, 1)
		return first < len(p.records) && p.records[first] == '{' && eachElement(p.records, func(r []byte) { emit(r) })
	}
	return false
}
