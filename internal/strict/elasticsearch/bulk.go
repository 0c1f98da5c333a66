package elasticsearch

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/valyala/fastjson"
)

// op is one operation of a bulk request.
type op struct {
	target, id string
	doc        []byte
}

// item is the answer to one operation.
type item struct {
	status       int
	kind, reason string
}

// bulk carries out a bulk request, whole or not at all where its grammar is wrong.
func (s *Server) bulk(w http.ResponseWriter, r *http.Request, target string, b *Behaviour) {
	body, err := readBody(r)
	if b.MaxBody > 0 && len(body) > b.MaxBody {
		w.Header().Del("X-Elastic-Product")
		w.Header().Del("Content-Type")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		if r.Context().Err() != nil {
			panic(http.ErrAbortHandler) // the client gave up: no mistake of its grammar
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.violate(w, "parse_exception", "bulk body: %v", err)
		return
	}
	s.mu.Lock()
	twice := s.twice
	s.mu.Unlock()
	ops, err := parse(body, target, twice) // most of the work: requests side by side share no lock for it
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.violate(w, "illegal_argument_exception", "bulk body: %v", err)
		return
	}
	if b.Reject > s.rand.Float64() {
		fail(w, http.StatusTooManyRequests, errorType(http.StatusTooManyRequests), "rejected execution of coordinating operation")
		return
	}
	items := make([]item, len(ops))
	for i := range ops {
		items[i] = s.store(&ops[i], b)
	}
	if b.Lose > s.rand.Float64() {
		panic(http.ErrAbortHandler)
	}
	out := bulkAnswer(ops, items, r.URL.Query().Get("filter_path") != "")
	if b.Answer != nil {
		out = b.Answer(out)
	}
	_, _ = w.Write(out)
}

func readBody(r *http.Request) ([]byte, error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-ndjson" && kind != "application/json" {
		return nil, fmt.Errorf("content type %q", kind)
	}
	var body io.Reader = r.Body
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "":
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = z
	default:
		return nil, fmt.Errorf("content encoding %q", encoding)
	}
	return io.ReadAll(body)
}

// parse reads the lines of a bulk body by its strict grammar: pairs of an action and a document, each line ended, ids within
// a request given and, but for twice, distinct.
func parse(body []byte, target string, twice bool) ([]op, error) {
	if len(body) == 0 || body[len(body)-1] != '\n' {
		return nil, errors.New("the last line does not end in a newline")
	}
	lines := bytes.Split(body[:len(body)-1], []byte{'\n'})
	if len(lines)%2 != 0 {
		return nil, fmt.Errorf("%d lines: an action without its document", len(lines))
	}
	ops := make([]op, 0, len(lines)/2)
	seen := make(map[[2]string]bool, len(lines)/2)
	var parser fastjson.Parser
	for i := 0; i < len(lines); i += 2 {
		o, err := parseAction(&parser, lines[i], target)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w in %.200q", i+1, err, lines[i])
		}
		key := [2]string{o.target, o.id}
		if seen[key] && !twice {
			return nil, fmt.Errorf("line %d: id %q twice in one request", i+1, o.id)
		}
		seen[key] = true
		if err := checkDocument(&parser, lines[i+1]); err != nil {
			return nil, fmt.Errorf("line %d: %w in %.200q", i+2, err, lines[i+1])
		}
		o.doc = lines[i+1]
		ops = append(ops, o)
	}
	return ops, nil
}

func parseAction(p *fastjson.Parser, line []byte, target string) (op, error) {
	o := op{target: target}
	action, err := parseObject(p, line)
	if err != nil {
		return o, err
	}
	create := action.Get("create").GetObject()
	if create == nil || action.GetObject().Len() != 1 {
		return o, errors.New("not one create action")
	}
	create.Visit(func(key []byte, v *fastjson.Value) {
		value, e := v.StringBytes()
		switch {
		case e != nil:
			err = fmt.Errorf("%s: %w", key, e)
		case string(key) == "_index":
			o.target = string(value)
		case string(key) == "_id":
			o.id = string(value)
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
	})
	switch {
	case err != nil:
		return o, err
	case o.id == "" || len(o.id) > 512:
		return o, fmt.Errorf("an _id of %d bytes", len(o.id))
	}
	return o, checkTarget(o.target)
}

// checkTarget checks the name of an index or data stream by the rules of Elasticsearch.
func checkTarget(name string) error {
	if name == "" || len(name) > 255 || name != strings.ToLower(name) || strings.ContainsAny(name, "\\/*?\"<>| ,#:") || strings.ContainsAny(name[:1], "-_+.") {
		return fmt.Errorf("index name %q", name)
	}
	return nil
}

// checkDocument checks what a data stream needs, and more: an object, valid UTF-8, no key twice, a time.
func checkDocument(p *fastjson.Parser, line []byte) error {
	doc, err := parseObject(p, line)
	if err != nil {
		return err
	}
	at := doc.GetStringBytes("@timestamp")
	if at == nil {
		return errors.New("no @timestamp")
	}
	if _, err := time.Parse(time.RFC3339, string(at)); err != nil {
		return fmt.Errorf("@timestamp: %w", err)
	}
	return nil
}

// parseObject parses line, which must be one JSON object in valid UTF-8 without a key twice in any object of it. What it returns is
// valid until the parser is used again.
func parseObject(p *fastjson.Parser, line []byte) (*fastjson.Value, error) {
	if !utf8.Valid(line) {
		return nil, errors.New("invalid UTF-8")
	}
	if !json.Valid(line) || line[0] != '{' { // fastjson takes more than JSON
		return nil, errors.New("not a JSON object")
	}
	v, err := p.ParseBytes(line)
	if err != nil {
		return nil, err
	}
	return v, checkKeys(v)
}

// checkKeys reports a key that an object in v has twice.
func checkKeys(v *fastjson.Value) error {
	var err error
	switch v.Type() {
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			if err == nil {
				err = checkKeys(e)
			}
		}
	case fastjson.TypeObject:
		keys := make([][]byte, 0, 32)
		v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
			if err == nil && slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) }) {
				err = fmt.Errorf("key %q twice", key)
			}
			keys = append(keys, key)
			if err == nil {
				err = checkKeys(v)
			}
		})
	}
	return err
}

// store carries out one operation. s.mu is held.
func (s *Server) store(o *op, b *Behaviour) item {
	switch {
	case b.Blocked != nil && b.Blocked(o.target):
		return item{http.StatusForbidden, "cluster_block_exception", "index [" + o.target + "] blocked by: [FORBIDDEN/8/index write (api)];"}
	case b.Flooded != nil && b.Flooded(o.target):
		return item{http.StatusTooManyRequests, "cluster_block_exception", "index [" + o.target + "] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];"}
	case b.Red != nil && b.Red(o.target):
		return item{http.StatusServiceUnavailable, "unavailable_shards_exception", "[" + o.target + "][0] primary shard is not active Timeout: [1m], request: [BulkShardRequest [[" + o.target + "][0]] containing [1] requests]"}
	case b.RejectItems > s.rand.Float64():
		return item{http.StatusTooManyRequests, "es_rejected_execution_exception", "rejected execution of primary operation"}
	case b.Refuse != nil && b.Refuse(o.doc):
		return item{http.StatusBadRequest, "document_parsing_exception", "[1:1] failed to parse field [x] of type [long] in document with id '" + o.id + "'"}
	case b.Fail != nil && b.Fail(o.doc):
		return item{http.StatusInternalServerError, "illegal_state_exception", "boom"}
	}
	x := s.indices[o.target]
	if x == nil {
		x = &index{docs: map[string][]byte{}}
		s.indices[o.target] = x
	}
	if _, ok := x.docs[o.id]; ok {
		return item{http.StatusConflict, "version_conflict_engine_exception", "[" + o.id + "]: version conflict, document already exists (current version [1])"}
	}
	x.order = append(x.order, o.id)
	x.docs[o.id] = nil
	if s.keep > 0 {
		s.keep--
		x.docs[o.id] = bytes.Clone(o.doc)
	}
	return item{status: http.StatusCreated}
}

// bulkAnswer writes the answer as Elasticsearch does; brief: with a filter_path that leaves status and error only.
func bulkAnswer(ops []op, items []item, brief bool) []byte {
	failed := false
	for _, i := range items {
		failed = failed || i.kind != ""
	}
	out := fmt.Appendf(nil, `{"errors":%v,`, failed)
	if !brief {
		out = append(out, `"took":1,`...)
	}
	out = append(out, `"items":[`...)
	for n, i := range items {
		if n > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"create":{`...)
		if !brief {
			out = fmt.Appendf(out, `"_index":%q,"_id":%q,`, ops[n].target, ops[n].id)
		}
		out = fmt.Appendf(out, `"status":%d`, i.status)
		if i.kind != "" {
			reason, _ := json.Marshal(i.reason)
			out = fmt.Appendf(out, `,"error":{"type":%q,"reason":%s}`, i.kind, reason)
		}
		out = append(out, `}}`...)
	}
	return append(out, `]}`...)
}
