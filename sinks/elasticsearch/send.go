package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/klauspost/compress/gzip"

	"github.com/gatemeter/gatemeter/internal/fault"
)

// sender makes one bulk request at a time, and keeps its buffers for the next.
type sender struct {
	parts  [][]byte
	packed buffer
	gzip   *gzip.Writer
	body   buffer // of the answer
	answer answerReader
}

// verdict is how a request went. All zero: every document was created.
type verdict struct {
	trouble *trouble // not nil: none was taken, all are to be sent again
	halve   *item    // not nil: as a whole too much for the server; what a single document that is gets
	tooBig  bool     // because of its size
	items   []item   // one a document, valid until the sender is used again
}

// filterPath leaves of an answer what read needs.
var filterPath = []string{"errors", "items.*.status", "items.*.error.type", "items.*.error.reason"}

// send makes one attempt. When it returns nothing reads the request's bytes any more.
func (s *sender) send(k *Sink, r *request) verdict {
	ctx, cancel := context.WithTimeout(k.ctx, k.config.RequestTimeout)
	defer cancel()
	header := http.Header{"Content-Type": {"application/x-ndjson"}}
	p := s.payload(r)
	if k.config.Gzip {
		if err := s.compress(p); err != nil {
			return verdict{trouble: &trouble{refused, fmt.Errorf("compress: %w", err)}}
		}
		header.Set("Content-Encoding", "gzip")
	}
	defer p.wait()
	body := p.reader()
	index := ""
	if !k.target.dated {
		index = k.target.name
	}
	if err := fault.At("bulk.sending"); err != nil {
		body.Close()
		return verdict{trouble: &trouble{unreachable, err}}
	}
	// How long the server waits for a primary shard, a minute by itself: less than we do, so that it is heard to say that it has none.
	res, err := k.client.post(ctx, index, "_bulk", bulkQuery(k.config.RequestTimeout/2), body, header)
	if lost := fault.At("bulk.answered"); lost != nil && err == nil {
		res.Body.Close()
		return verdict{trouble: &trouble{unreachable, lost}}
	}
	if !body.sent {
		body.Close()
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the connection was closed before an answer came")
	}
	if err != nil {
		return verdict{trouble: &trouble{unreachable, err}}
	}
	defer res.Body.Close()
	s.body.b = s.body.b[:0]
	if _, err := io.Copy(&s.body, io.LimitReader(res.Body, maxAnswer)); err != nil {
		return verdict{trouble: &trouble{unreachable, fmt.Errorf("read the answer: %w", err)}}
	}
	defer s.body.shrink()
	return s.judge(res, r)
}

// judge says what an answer means.
func (s *sender) judge(res *http.Response, r *request) verdict {
	status := res.StatusCode
	if status >= 200 && status < 300 {
		items, err := s.answer.read(s.body.b, r.docs)
		if err != nil {
			return verdict{trouble: &trouble{refused, err}}
		}
		return verdict{items: items}
	}
	kind, reason := s.answer.failure(s.body.b)
	if status == http.StatusRequestEntityTooLarge {
		return verdict{tooBig: true, halve: &item{class: dead, status: status, kind: "content_too_long", reason: "larger than the server takes"}}
	}
	if status == http.StatusBadRequest && res.Header.Get("X-Elastic-Product") != "" { // not from something in between
		return verdict{halve: &item{class: dead, status: status, kind: kind, reason: reason}}
	}
	return verdict{trouble: &trouble{troubleOf(status, kind), statusError(status, kind, reason)}}
}

func statusError(status int, kind, reason string) error {
	switch {
	case kind != "":
		return fmt.Errorf("status %d: %s: %s", status, kind, reason)
	case reason != "":
		return fmt.Errorf("status %d: %s", status, reason)
	}
	return fmt.Errorf("status %d %s", status, http.StatusText(status))
}

func (s *sender) payload(r *request) *payload {
	clear(s.parts)
	s.parts = s.parts[:0]
	for i := range r.spans {
		s.parts = append(s.parts, r.spans[i].bytes())
	}
	return &payload{parts: s.parts, size: int64(r.size)}
}

// compress replaces p's parts by their gzip form.
func (s *sender) compress(p *payload) error {
	s.packed.b = s.packed.b[:0]
	if s.gzip == nil {
		z, err := gzip.NewWriterLevel(&s.packed, gzip.BestSpeed)
		if err != nil {
			return err
		}
		s.gzip = z
	}
	s.gzip.Reset(&s.packed)
	for _, part := range p.parts {
		if _, err := s.gzip.Write(part); err != nil {
			return err
		}
	}
	if err := s.gzip.Close(); err != nil {
		return err
	}
	p.parts, p.size = [][]byte{s.packed.b}, int64(len(s.packed.b))
	return nil
}

// buffer collects bytes.
type buffer struct{ b []byte }

func (b *buffer) Write(p []byte) (int, error) {
	b.b = append(b.b, p...)
	return len(p), nil
}

// shrink lets go of a buffer that an unusual answer has made large.
func (b *buffer) shrink() {
	if cap(b.b) > maxParsed {
		b.b = nil
	}
}
