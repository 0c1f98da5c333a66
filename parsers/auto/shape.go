package auto

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/haproxy"
	"github.com/gatemeter/gatemeter/parsers/traefik"
	"github.com/gatemeter/gatemeter/parsers/wso2"
)

// shape is what a line looks like: which reader is to read it. Those before numTexts are indices of Formats.texts.
type shape uint8

// The shapes.
const (
	envoyText shape = iota
	istioText
	traefikText
	haproxyText
	krakendText
	alb
	clb
	nlb
	cloudFront
	restCSV
	httpCSV
	restXML
	httpXML
	iis
	squidText
	tykAccess
	tykCSV
	tykMap
	logfmt
	ltsv
	wso2Text
	haproxyList // as option httplog clf has it
	numTexts

	unknown
	jsonLine
	tykWrapped // JSON in a line of logfmt
	clfLine
	ssl
	directive // of a W3C log
	selfLog   // what a gateway logs about itself
)

// shapeOf returns line's shape and, where it has looked for the brackets of a Common Log Format time, where they begin, else -1. What else
// it looks at is bounded. The order of the checks is from the narrow to the wide.
func shapeOf(line []byte) (s shape, timeIndex int) {
	if s = narrowShape(line); s != unknown || len(line) < 2 {
		return s, -1
	}
	if haproxy.Is(line) {
		return haproxyText, -1
	}
	if i := timeAt(line); i >= 0 {
		if traefik.Is(line) {
			return traefikText, -1
		}
		return clfLine, i
	}
	return looseShape(line), -1
}

// narrowShape is that of a line whose first bytes say what it is.
func narrowShape(line []byte) shape {
	if len(line) < 2 {
		return unknown
	}
	switch c := line[0]; c {
	case '{', 0xEF:
		return jsonLine
	case '[':
		return bracketShape(line)
	case '#':
		return hashShape(line)
	case '<':
		return xmlShape(line)
	case 'm':
		if bytes.HasPrefix(line, []byte("map[")) {
			return tykMap
		}
	case 'A':
		if bytes.HasPrefix(line, accessPrefix) { // Ambassador's
			return bracketShape(line[len(accessPrefix):])
		}
	case '-':
		if wso2.Is(line) && bytes.IndexByte(line[2:min(len(line), 64)], '[') > 0 && !haproxy.Is(line) {
			return wso2Text
		}
	}
	switch {
	case isDate(line):
		if s := datedShape(line); s != unknown {
			return s
		}
	case line[0] <= '9' && isSquid(line):
		return squidText
	case line[0] <= '9' && isSlashed(line) && (isNginxError(line) || isLeveled(line)), (line[0] < '0' || line[0] > '9') && beginsSelfLog(line):
		return selfLog
	}
	return wordShape(line)
}

var accessPrefix = []byte("ACCESS ")

// bracketShape is that of a line that begins with a bracket.
func bracketShape(line []byte) shape {
	switch {
	case line[1] == '{':
		return jsonLine // a logger's batch
	case bytes.HasPrefix(line, []byte("[GIN")):
		return krakendText
	case isErrorLog(line), beginsSelfLog(line):
		return selfLog
	case len(line) > len("[10/Oct/2000:13:55:36 -0700]") && line[27] == ']':
		return ssl
	case len(line) > 30 && isDate(line[1:]) && line[11] == 'T':
		if line[len(line)-1] == '"' {
			return envoyText
		}
		return istioText
	}
	return clfLine // of a client with an IPv6 address in brackets
}

// isErrorLog reports whether line, which begins with a bracket, is of Apache's error log, `[Wed Oct 11 14:32:52 2000] [error] …`, also with
// the access log's time, or of Envoy's log of itself, `[2025-10-10 11:55:36.043][1][info] …`.
func isErrorLog(line []byte) bool {
	if len(line) < 48 {
		return false
	}
	if line[4] == ' ' && line[8] == ' ' && line[11] == ' ' && line[14] == ':' {
		return bytes.Contains(line[:48], []byte("] ["))
	}
	return line[27] == ']' && line[29] == '[' || isDate(line[1:]) && line[11] == ' ' && bytes.Contains(line[:32], []byte("]["))
}

// isNginxError reports whether line is of nginx's error log: `2025/10/10 11:55:36 [error] 31#31: …`.
func isNginxError(line []byte) bool {
	return isSlashed(line) && line[19] == ' ' && line[20] == '['
}

// isSlashed reports whether line begins with 2025/10/10 and a time.
func isSlashed(line []byte) bool {
	return len(line) > 30 && line[4] == '/' && line[7] == '/' && line[10] == ' ' && line[13] == ':' && line[16] == ':'
}

// hashShape is that of a W3C log's own lines.
func hashShape(line []byte) shape {
	for _, d := range [...]string{"#Software:", "#Version:", "#Date:", "#Fields:", "#Remark:", "#Start-Date:", "#End-Date:"} {
		if len(line) >= len(d) && string(line[:len(d)]) == d {
			return directive
		}
	}
	return unknown
}

func xmlShape(line []byte) shape {
	switch {
	case !bytes.HasPrefix(line, []byte("<request id=")):
		return unknown
	case bytes.Contains(line[:min(len(line), 256)], []byte("<extendedRequestId>")):
		return restXML
	}
	return httpXML
}

// isDate reports whether line begins with 2025-10-10 and one more byte.
func isDate(line []byte) bool {
	if len(line) < 20 || line[4] != '-' || line[7] != '-' {
		return false
	}
	for _, i := range [...]int{0, 1, 2, 3, 5, 6, 8, 9} {
		if line[i] < '0' || line[i] > '9' {
			return false
		}
	}
	return true
}

// datedShape is that of a line that begins with a date.
func datedShape(line []byte) shape {
	switch line[10] {
	case '\t':
		return cloudFront
	case ' ':
		if line[13] == ':' && line[16] == ':' && line[19] == ' ' {
			return iis
		}
	case 'T':
		if isLeveled(line) {
			return selfLog
		}
		if n := bytes.IndexByte(line[:min(len(line), 64)], ' '); n > 0 && line[n-1] == 'Z' {
			return clb
		}
	}
	return unknown
}

// isSquid reports whether line begins with 1286536308.779 and a space.
func isSquid(line []byte) bool {
	if len(line) < 40 || line[10] != '.' || line[14] != ' ' {
		return false
	}
	for i, c := range line[:14] {
		if i != 10 && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// wordShape is that of a line whose first word says what it is.
func wordShape(line []byte) shape {
	head := line[:min(len(line), 32)]
	end := 0
	for end < len(head) && !ends[head[end]] {
		end++
	}
	if end == 0 || end == len(head) {
		return unknown
	}
	word, rest := head[:end], line[end+1:]
	switch head[end] {
	case ' ':
		switch string(word) {
		case "http", "https", "h2", "grpcs", "ws", "wss":
			if isDate(rest) {
				return alb
			}
		case "tls":
			if i := bytes.IndexByte(head[end+1:], ' '); i > 0 && isDate(rest[i+1:]) {
				return nlb
			}
		}
	case ',':
		switch {
		case string(word) == "Method" || isUpper(word) && bytes.Count(line, comma) >= 21:
			return tykCSV
		case isCommaTime(rest):
			return httpCSV
		}
		for range 2 {
			i := bytes.IndexByte(rest[:min(len(rest), 512)], ',')
			if i < 0 {
				return unknown
			}
			rest = rest[i+1:]
		}
		if isCommaTime(rest) {
			return restCSV
		}
	case ':':
		if isLabel(word) && bytes.IndexByte(line[:min(len(line), 1024)], '\t') > 0 {
			return ltsv
		}
	case '=':
		switch {
		case !isLabel(word):
		case bytes.Contains(line, tykRecord):
			return tykWrapped
		case bytes.Contains(line, accessLog):
			return tykAccess
		case timeAt(line) < 0:
			return logfmt
		}
	}
	return unknown
}

// ends are the bytes that a line's first word ends before. It is never written.
var ends = [256]bool{' ': true, ',': true, '=': true, ':': true, '\t': true}

var (
	comma     = []byte{','}
	tykRecord = []byte("tyk-analytics-record=")
	accessLog = []byte("prefix=access-log")
)

// isCommaTime reports whether b begins with the Common Log Format's time and a comma.
func isCommaTime(b []byte) bool {
	return len(b) > 26 && b[2] == '/' && b[6] == '/' && b[11] == ':' && b[20] == ' ' && b[26] == ','
}

func isUpper(b []byte) bool {
	for _, c := range b {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(b) > 2
}

// isLabel reports whether b can be a key: letters, digits, and `.`, `-`, `_`, `@` between, a letter or @ first.
func isLabel(b []byte) bool {
	for i, c := range b {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '@' || c == '_'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '.' && c != '-') {
			return false
		}
	}
	return len(b) > 0
}

// looseShape is that of a line of which nothing before has said what it is.
func looseShape(line []byte) shape {
	i := bytes.IndexAny(line[:min(len(line), 64)], "= ")
	if i > 0 && line[i] == '=' && isLabel(line[:i]) {
		return logfmt
	}
	return clfLine // which says how far it is one
}
