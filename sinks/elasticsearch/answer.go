package elasticsearch

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fastjson"
)

// class is what is to be done about one document.
type class uint8

const (
	created   class = iota
	duplicate       // was stored before: its id was there
	again           // the server cannot take it now
	doubtful        // again, but not for ever: it may be the document
	dead            // the server will never take it
)

// item is the answer about one document.
type item struct {
	class        class
	status       int
	kind, reason string // the server's; empty when it was stored
}

// classify says what a status means for a `create`.
func classify(status int) class {
	switch {
	case status >= 200 && status < 300:
		return created
	case status == http.StatusConflict:
		return duplicate
	case status == http.StatusUnauthorized || status == http.StatusForbidden || // a missing privilege, a read-only index
		status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		return again
	case status >= 500 || status == http.StatusNotFound: // a broken shard or ingest pipeline; an index that may not be created
		return doubtful
	}
	return dead
}

// maxAnswer is the most bytes read of an answer.
const maxAnswer = 64 << 20

// maxParsed is the longest answer after which a parser is kept: it holds many times the bytes it has read.
const maxParsed = 1 << 20

// answerReader reads answers. It is used by one sender at a time.
type answerReader struct {
	parser fastjson.Parser
	items  []item
}

// Where an answer begins like this and ends as an object, every document was created. The server writes `errors` first when
// filter_path leaves `took` out.
var allCreated = []byte(`{"errors":false,`)

// read returns what a 200 answer says about each of n documents, nil when all were created. The items are valid until the next
// read.
func (a *answerReader) read(answer []byte, n int) ([]item, error) {
	if bytes.HasPrefix(answer, allCreated) && bytes.HasSuffix(bytes.TrimRight(answer, " \n"), []byte("]}")) {
		return nil, nil
	}
	if len(answer) > maxParsed {
		defer func() { a.parser = fastjson.Parser{} }()
	}
	v, err := a.parser.ParseBytes(answer)
	if err != nil {
		return nil, fmt.Errorf("the answer is not JSON: %.200q", answer)
	}
	list := v.GetArray("items")
	if len(list) != n {
		return nil, fmt.Errorf("the answer is about %d documents, %d were sent", len(list), n)
	}
	a.items = a.items[:0]
	for _, entry := range list {
		result := entry.Get("create")
		status := result.GetInt("status")
		if status == 0 {
			return nil, errors.New("the answer has an item without status")
		}
		i := item{class: classify(status), status: status}
		if i.class > duplicate {
			i.kind, i.reason = text(result.Get("error", "type")), text(result.Get("error", "reason"))
		}
		a.items = append(a.items, i)
	}
	return a.items, nil
}

// failure returns type and reason of an answer that refuses the whole request, empty when it has none.
func (a *answerReader) failure(answer []byte) (kind, reason string) {
	if len(answer) > maxParsed {
		return "", ""
	}
	v, err := a.parser.ParseBytes(answer)
	if err != nil {
		return "", ""
	}
	if s := text(v.Get("error")); s != "" { // some refusals are a string
		return "", s
	}
	return text(v.Get("error", "type")), text(v.Get("error", "reason"))
}

// maxReason is the most bytes kept of what the server says.
const maxReason = 200

// text returns a copy of the string v, cut to maxReason bytes, empty when v is none.
func text(v *fastjson.Value) string {
	if v == nil || v.Type() != fastjson.TypeString {
		return ""
	}
	b := v.GetStringBytes()
	if len(b) > maxReason {
		end := maxReason
		for end > 0 && !utf8.RuneStart(b[end]) {
			end--
		}
		return string(b[:end]) + "…"
	}
	return strings.Clone(string(b))
}
