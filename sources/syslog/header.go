package syslog

import "bytes"

// message returns the part of a syslog message behind its header: the message of RFC 5424, without structured data and byte
// order mark, or of RFC 3164, without the tag, in the ways in which senders write that. What has no header is returned whole.
// The result points into frame.
func message(frame []byte) []byte {
	rest, ok := skipPriority(frame)
	if !ok {
		return frame
	}
	if m, ok := message5424(rest); ok {
		return m
	}
	return message3164(rest)
}

// skipPriority returns what follows <134>.
func skipPriority(b []byte) (rest []byte, ok bool) {
	if len(b) < 3 || b[0] != '<' {
		return b, false
	}
	for i := 1; i < len(b) && i < 5; i++ {
		switch {
		case b[i] == '>' && i > 1:
			return b[i+1:], true
		case !isDigit(b[i]):
			return b, false
		}
	}
	return b, false
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// message5424 reads VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG].
func message5424(b []byte) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(b, []byte("1 "))
	if !ok {
		return b, false
	}
	for i := range 5 {
		n := bytes.IndexByte(rest, ' ')
		if n <= 0 || i == 0 && rest[0] != '-' && !isISO(rest[:n]) {
			return b, false
		}
		rest = rest[n+1:]
	}
	if len(rest) > 0 && rest[0] == '-' {
		rest = rest[1:]
	} else if rest, ok = skipStructuredData(rest); !ok {
		return b, false
	}
	if len(rest) == 0 {
		return rest, true
	}
	if rest[0] != ' ' {
		return b, false
	}
	return bytes.TrimPrefix(rest[1:], []byte("\xef\xbb\xbf")), true
}

// skipStructuredData returns what follows [id name="value" …][…].
func skipStructuredData(b []byte) ([]byte, bool) {
	if len(b) == 0 || b[0] != '[' {
		return b, false
	}
	for len(b) > 0 && b[0] == '[' {
		quoted := false
		i := 1
		for ; i < len(b); i++ {
			c := b[i]
			if quoted && c == '\\' {
				i++
			} else if c == '"' {
				quoted = !quoted
			} else if c == ']' && !quoted {
				break
			}
		}
		if i >= len(b) {
			return b, false
		}
		b = b[i+1:]
	}
	return b, true
}

// isISO reports whether b begins like 2026-11-21T.
func isISO(b []byte) bool {
	return len(b) >= 11 && isDigit(b[0]) && isDigit(b[3]) && b[4] == '-' && isDigit(b[6]) && b[7] == '-' && isDigit(b[9]) && b[10] == 'T'
}

// message3164 reads [TIMESTAMP [HOSTNAME] [TAG[[PID]][:]]] MSG.
func message3164(b []byte) []byte {
	rest, ok := skipTime(b)
	if !ok {
		return b
	}
	first, after := token(rest)
	if isTag(first) {
		return after
	}
	if !isHost(first) || len(after) == 0 {
		return rest
	}
	second, behind := token(after)
	switch {
	case isTag(second) || isBareTag(second) && len(behind) > 0:
		return behind
	case string(second) == "-": // not a host: the client of a line in the Common Log Format, from a sender that names no host
		return rest
	}
	return after
}

// skipTime returns what follows a time and its space: Nov 21 10:00:00, with a year or a fraction too, or 2026-11-21T10:00:00Z.
func skipTime(b []byte) ([]byte, bool) {
	if isISO(b) {
		_, rest := token(b)
		return rest, true
	}
	if len(b) < 16 || !isMonth(b[:4]) || b[4] != ' ' && !isDigit(b[4]) || !isDigit(b[5]) || b[6] != ' ' {
		return b, false
	}
	clock := b[7:]
	if isDigit(clock[2]) && len(clock) > 5 && clock[4] == ' ' { // a year
		clock = clock[5:]
	}
	if len(clock) < 8 || !isDigit(clock[0]) || clock[2] != ':' || !isDigit(clock[3]) || clock[5] != ':' || !isDigit(clock[7]) {
		return b, false
	}
	clock = clock[8:]
	if len(clock) > 0 && clock[0] == '.' {
		for clock = clock[1:]; len(clock) > 0 && isDigit(clock[0]); {
			clock = clock[1:]
		}
	}
	if len(clock) == 0 || clock[0] != ' ' && clock[0] != ':' {
		return b, false
	}
	if clock[0] == ':' { // Cisco's
		clock = clock[1:]
	}
	return bytes.TrimPrefix(clock, []byte(" ")), true
}

// isMonth reports whether b is `Jan ` or another.
func isMonth(b []byte) bool {
	switch string(b) {
	case "Jan ", "Feb ", "Mar ", "Apr ", "May ", "Jun ", "Jul ", "Aug ", "Sep ", "Oct ", "Nov ", "Dec ":
		return true
	}
	return false
}

// token returns the bytes up to a space, and what follows it.
func token(b []byte) (first, rest []byte) {
	i := bytes.IndexByte(b, ' ')
	if i < 0 {
		return b, nil
	}
	return b[:i], b[i+1:]
}

// maxTag is longer than the 32 bytes of RFC 3164: senders do not keep to them.
const maxTag = 64

// isTag reports whether b is `nginx:`, `haproxy[123]:` or `app[1]`.
func isTag(b []byte) bool {
	name, colon := bytes.CutSuffix(b, []byte(":"))
	pid := false
	if len(name) > 0 && name[len(name)-1] == ']' {
		open := bytes.LastIndexByte(name, '[')
		if open < 0 {
			return false
		}
		name, pid = name[:open], true
	}
	if len(name) == 0 || len(name) > maxTag || !colon && !pid {
		return false
	}
	for _, c := range name {
		if c <= ' ' || c == ':' || c == '[' || c == '"' || c == '{' || c == '=' {
			return false
		}
	}
	return true
}

// isBareTag reports whether b can be a tag without its colon, as rsyslog sends what it has read from files. It begins with a
// letter and has no dot, unlike most with which a line begins: addresses, host names, times, JSON.
func isBareTag(b []byte) bool {
	if len(b) == 0 || len(b) > maxTag || !isLetter(b[0]) {
		return false
	}
	for _, c := range b {
		if !isLetter(c) && !isDigit(c) && c != '-' && c != '_' && c != '/' {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// isHost reports whether b can be a host's name or address.
func isHost(b []byte) bool {
	if len(b) == 0 || len(b) > 255 {
		return false
	}
	for _, c := range b {
		if !isLetter(c) && !isDigit(c) && c != '-' && c != '_' && c != '.' && c != ':' && c != '%' {
			return false
		}
	}
	return true
}
