package redact

import "bytes"

// words follows the words of a line, what stands between spaces and quotes, to find out how far a value reaches.
type words struct {
	line   []byte
	seen   int  // all before it has been looked at
	quoted bool // within quotes
	field  int  // where what they hold begins
	json   bool // it is JSON
	target int  // spaces before it belong to a URL; -1: not looked for
	// The word:
	begun     bool
	named     bool // it has a = or a colon
	url       bool // it begins with a path or a URL, maybe behind a name: `path=/x`
	query     bool // it has a ? or a #
	separated bool // it is known whether it has a separator
	separator byte // what separates the fields in formats without quotes and spaces (`$remote_addr|$request_uri|$status`), or 0
}

// read reads up to i, which does not decrease from call to call.
func (w *words) read(i int) {
	for ; w.seen < i; w.seen++ {
		switch c := w.line[w.seen]; c {
		case '\\':
			if w.seen+1 < len(w.line) && w.line[w.seen+1] != '/' {
				w.seen++
			}
		case '"':
			w.quoted = !w.quoted
			w.newWord()
			w.field, w.target = w.seen+1, -1
			w.json = w.quoted && w.field < len(w.line) && (w.line[w.field] == '{' || w.line[w.field] == '[')
		case ' ', '\t':
			w.newWord()
		default:
			w.character(c)
		}
	}
}

func (w *words) newWord() {
	w.begun, w.named, w.url, w.query, w.separated, w.separator = false, w.quoted, false, false, w.quoted, 0
}

func (w *words) character(c byte) {
	switch {
	case !w.begun && c == '\'' && !w.quoted:
		w.separator, w.separated = c, true
		return // the word begins behind it
	case !w.begun:
		w.begun, w.url = true, beginsURL(w.line[w.seen:])
	}
	switch c {
	case '|', ',', ';', '<':
		if !w.separated && !w.url {
			w.separator, w.separated = c, true
		}
		if c == w.separator {
			w.url, w.query = beginsURL(w.line[w.seen+1:]), false
		}
	case '/', '&':
		w.separated = true
	case '=', ':':
		w.separated = w.separated || c == '='
		if !w.named {
			w.named, w.url = true, w.url || beginsURL(w.line[w.seen+1:])
		}
	case '?', '#':
		w.separated, w.query = true, true
	}
}

func beginsURL(b []byte) bool {
	return len(b) > 0 && b[0] == '/' || bytes.HasPrefix(b, []byte(`\/`)) || bytes.HasPrefix(b, []byte("http"))
}

// maskParameter masks what follows a sign behind a secret's name that begins at name, and returns where it ends.
func (w *words) maskParameter(name int, s sign) int {
	w.read(s.begin)
	line, from := w.line, s.end
	if from < len(line) && line[from] == '"' && !w.quoted {
		to, after := quote(line[from:from+1]).stringEnd(line, from+1)
		mask(line[from+1 : to])
		return after
	}
	to := w.valueEnd(name, s)
	if q := quoteAt(line, from); q != nil && to < len(line) && (line[to] == ' ' || line[to] == '\t') && w.separator != q[0] && w.targetEnd() == 0 {
		// A value in quotes may have spaces.
		end, after := q.stringEnd(line, from+len(q))
		if end < after && (after == len(line) || endsURL(line[after]) || bytes.IndexByte([]byte(`,;)]}\`), line[after]) >= 0) {
			mask(line[from+len(q) : end])
			return after
		}
	}
	mask(line[from:w.trim(from, to)])
	return to
}

// valueEnd returns where the value behind s ends.
func (w *words) valueEnd(name int, s sign) int {
	line, target := w.line, w.targetEnd()
	inPath := w.url && !w.query
	inSegment := inPath && name > 0 && (line[name-1] == '/' || line[name-1] == ';')
	for i := s.end; i < len(line); i++ {
		switch c := line[i]; c {
		case '"', '&', '#':
			return i
		case ' ', '\t':
			if i >= target {
				return i
			}
		case '%':
			if c, _, n := decode(line, i); n > 0 && n <= s.encoded && (c == '&' || c == '#') {
				return i
			}
		case '\\':
			to, ends := w.escape(i, inSegment)
			if ends {
				return to
			}
			i = to - 1
		case '?':
			if inPath {
				return i
			}
		case '/', ';':
			if inSegment || c == w.separator {
				return i
			}
		case '\'':
			if c == w.separator && (i+1 == len(line) || line[i+1] == ' ' || line[i+1] == '\t') {
				return i
			}
		case w.separator:
			return i
		}
	}
	return len(line)
}

// escape reads what begins with the backslash at i, up to `to`. When that ends the value, `to` is where. A quote that stands
// for itself in a string of JSON does; others do not, for passwords have them.
func (w *words) escape(i int, inSegment bool) (to int, ends bool) {
	switch c, end := unescape(w.line, i); {
	case c == '&' || c == '#' || c == '"' && w.json:
		return i, true
	case c == '\\' && w.json:
		if next := quoteAt(w.line, end); len(next) == end-i {
			end += len(next)
		}
		return end, false
	case c != 0:
		return end, false
	}
	n := backslashes(w.line[i:])
	to = i + n
	switch {
	case to == len(w.line):
		return to, false
	case w.line[to] == '"' && w.json && n%4 == 1:
		return to - 1, true
	case w.line[to] == '"':
		return to + n%2, false
	case w.line[to] == '/' && inSegment:
		return to - n%2, true
	case n == 1:
		return to, false
	case n%2 == 1:
		return to - 1, false // the last one begins an escape
	}
	c, _ := unescape(w.line, to-1) // in a string of JSON within another
	if w.json && n%4 == 2 && (c == '&' || c == '#') {
		return to - 2, true
	}
	return to, false
}

// targetEnd returns where the URL ends when that is all that the quotes hold, or all but a method and a protocol: clients
// send spaces in URLs, and servers log them. Else it is 0.
func (w *words) targetEnd() int {
	if !w.quoted {
		return 0
	}
	if w.target >= 0 {
		return w.target
	}
	w.target = 0
	to, _ := quote(`"`).stringEnd(w.line, w.field)
	field := w.line[w.field:to]
	method := 0
	for method < len(field) && 'A' <= field[method] && field[method] <= 'Z' {
		method++
	}
	if !beginsURL(field) && (method == 0 || method == len(field) || field[method] != ' ') {
		return 0
	}
	w.target = to
	if i := bytes.LastIndexByte(field, ' '); i >= 0 && bytes.HasPrefix(field[i+1:], []byte("HTTP/")) {
		w.target = w.field + i
	}
	return w.target
}

// trim returns where what is masked ends: before punctuation at the end of a word that belongs to the format, as in
// `uri=$request_uri, status=$status` or `[$request_uri]`.
func (w *words) trim(from, to int) int {
	if to < len(w.line) && w.line[to] != ' ' && w.line[to] != '\t' || to == len(w.line) && w.quoted {
		return to
	}
	most, punctuation := 2, `,;]')}>`
	if w.quoted {
		if w.targetEnd() > 0 {
			return to
		}
		most, punctuation = 1, `,;`
	}
	for range most {
		if to > from && bytes.IndexByte([]byte(punctuation), w.line[to-1]) >= 0 {
			to--
		}
	}
	return to
}
