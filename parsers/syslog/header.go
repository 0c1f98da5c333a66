// Package syslog finds where the message begins in a line that a logger has put a header before: syslog's of both kinds
// (RFC 3164, RFC 5424), with or without its priority, and the one that container runtimes write (CRI).
package syslog

import "bytes"

// Header returns how many bytes of line are a header: 0 when there is none. These are known:
//
//	<134>Feb  6 12:14:14 localhost haproxy[14389]: message     RFC 3164; priority and host may be missing
//	<134>2026-02-06T12:14:14.655Z localhost haproxy[14389]: message
//	<134>1 2026-02-06T12:14:14.655Z localhost haproxy 14389 - - message     RFC 5424
//	haproxy[14389]: message
//	2026-02-06T12:14:14.655123456Z stdout F message     CRI
//
// What has no priority and no tag before a colon is no header: a log's own time may stand at its beginning.
func Header(line []byte) int {
	at := priority(line)
	if at > 0 && bytes.HasPrefix(line[at:], []byte("1 ")) {
		return modern(line, at+2)
	}
	after := at
	switch n := stamped(line[at:]); {
	case n > 0:
		after += n
	case at == 0 && !isTagged(line):
		return 0
	}
	if n := runtime(line[after:]); n > 0 && after > at {
		return after + n
	}
	if n := tag(line[after:]); n > 0 {
		return after + n
	}
	if after == at {
		return at // a priority alone
	}
	if i := word(line[after:]); i > 0 { // the host
		if n := tag(line[after+i:]); n > 0 {
			return after + i + n
		}
	}
	return 0
}

// priority returns how long `<134>` is.
func priority(line []byte) int {
	if len(line) < 4 || line[0] != '<' {
		return 0
	}
	for i := 1; i < len(line) && i < 5; i++ {
		if line[i] == '>' && i > 1 {
			return i + 1
		}
		if line[i] < '0' || line[i] > '9' {
			return 0
		}
	}
	return 0
}

// stamped returns how long a time and the space after it are: `Feb  6 12:14:14 ` or ISO 8601.
func stamped(b []byte) int {
	if len(b) > 16 && b[3] == ' ' && b[6] == ' ' && b[9] == ':' && b[12] == ':' && 'A' <= b[0] && b[0] <= 'Z' {
		if b[15] == ' ' {
			return 16
		}
		if n := word(b[7:]); b[15] == '.' && n > 0 { // with a fraction
			return 7 + n
		}
		return 0
	}
	if len(b) > 20 && b[4] == '-' && b[7] == '-' && b[10] == 'T' && b[13] == ':' {
		return word(b)
	}
	return 0
}

// word returns how long the first word and the space after it are, 0 when no space is near.
func word(b []byte) int {
	return bytes.IndexByte(b[:min(len(b), 256)], ' ') + 1
}

// runtime returns how long CRI's `stdout F ` is. P says that the message goes on in the next line.
func runtime(b []byte) int {
	if len(b) > 9 && (string(b[:7]) == "stdout " || string(b[:7]) == "stderr ") && (b[7] == 'F' || b[7] == 'P') && b[8] == ' ' {
		return 9
	}
	return 0
}

// isTagged reports whether line begins with `name[123]: `.
func isTagged(line []byte) bool {
	if len(line) == 0 || line[0]|0x20 < 'a' || line[0]|0x20 > 'z' {
		return false // nearly all lines: an address
	}
	n := tag(line)
	return n > 3 && line[n-3] == ']'
}

// tag returns how long `haproxy[14389]: ` or `kong: ` is.
func tag(b []byte) int {
	b = b[:min(len(b), 128)]
	i := 0
	for i < len(b) && isTagByte(b[i]) {
		i++
	}
	if i == 0 {
		return 0
	}
	if i < len(b) && b[i] == '[' {
		n := bytes.IndexByte(b[i:], ']')
		if n < 0 {
			return 0
		}
		i += n + 1
	}
	if i+1 < len(b) && b[i] == ':' && b[i+1] == ' ' {
		return i + 2
	}
	return 0
}

func isTagByte(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '/'
}

// modern returns where RFC 5424's message begins: behind time, host, name, process, kind and structured data.
func modern(line []byte, at int) int {
	for range 5 {
		n := word(line[at:])
		if n == 0 {
			return 0
		}
		at += n
	}
	if at < len(line) && line[at] == '-' {
		at++
	}
	for at < len(line) && line[at] == '[' { // [id name="value"]
		quoted := false
		for at++; at < len(line); at++ {
			switch c := line[at]; {
			case c == '\\' && quoted:
				at++
			case c == '"':
				quoted = !quoted
			case c == ']' && !quoted:
				goto next
			}
		}
	next:
		at++
	}
	if at >= len(line) || line[at] != ' ' {
		return 0
	}
	at++
	if bytes.HasPrefix(line[at:], []byte("\xEF\xBB\xBF")) {
		at += 3
	}
	return at
}
