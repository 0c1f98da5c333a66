package redact

import "bytes"

// isJSON reports whether line is JSON, or ends in JSON behind what syslog put before it.
func isJSON(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) > 1 && (line[0] == '{' || line[0] == '[' && line[len(line)-1] == ']' || line[len(line)-1] == '}')
}

// maxNesting is how many times JSON may stand in a string of JSON and still be looked at: a body that a gateway logged.
const maxNesting = 2

// members masks the strings that are values of secret members, alone or in a list, in JSON whose quotes have so many
// backslashes before them: none, one in a string of JSON, three in a string of that.
func (r *Redactor) members(line []byte, backslashes int) {
	for i := 0; ; {
		from, to, after := quoted(line, i, backslashes)
		if from < 0 {
			return
		}
		i = after
		v := skip(line, after, ':')
		if v < 0 {
			if backslashes < 1<<maxNesting-1 && bytes.IndexByte(line[from:to], '\\') >= 0 {
				r.members(line[from:to], 2*backslashes+1)
			}
			continue
		}
		if !r.secretName(line[from:to]) {
			continue
		}
		list := skip(line, v, '[')
		for v = max(v, list); v >= 0; {
			from, to, after := quoted(line, v, backslashes)
			if from < 0 || len(bytes.TrimSpace(line[v:from-1-backslashes])) > 0 {
				break // another value
			}
			for j := from; j < to; j++ {
				line[j] = '*'
			}
			i, v = after, -1
			if list >= 0 {
				v = skip(line, after, ',')
			}
		}
	}
}

// quoted returns the string that begins at or after i: line[from:to], and where what follows its quote begins. A string that
// the line's end cuts off ends there. from is -1 when there is none.
func quoted(line []byte, i, backslashes int) (from, to, after int) {
	begin := quote(line, i, backslashes)
	if begin < 0 {
		return -1, 0, 0
	}
	from = begin + 1
	end := quote(line, from, backslashes)
	if end < 0 {
		return from, len(line), len(line)
	}
	return from, end - backslashes, end + 1
}

// quote returns where the next quote at or after i is that stands for itself at this nesting. An escaped one has, besides,
// backslashes in twice the number.
func quote(line []byte, i, backslashes int) int {
	start := i
	for i < len(line) {
		n := bytes.IndexByte(line[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		slashes := 0
		for j := i - 1; j >= start && line[j] == '\\'; j-- {
			slashes++
		}
		if slashes%(2*(backslashes+1)) == backslashes {
			return i
		}
		i++
	}
	return -1
}

// skip returns where what follows c, with spaces before it, begins; -1 when something else stands at i.
func skip(line []byte, i int, c byte) int {
	for i < len(line) && (line[i] == ' ' || line[i] == '\t') {
		i++
	}
	if i == len(line) || line[i] != c {
		return -1
	}
	return i + 1
}

// secretName reports whether a member's name is one to be masked. It is read like a parameter's: also `user[password]`, and
// `request.headers.cookie`.
func (r *Redactor) secretName(name []byte) bool {
	return r.maySecretEnd(name, len(name)) && r.secretBefore(name, len(name)) >= 0
}
