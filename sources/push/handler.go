package push

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/gatemeter/gatemeter/internal/fault"
	"github.com/gatemeter/gatemeter/sources/envelope"
	"github.com/gatemeter/gatemeter/sources/spool"
)

// errSpool says that the disk does not take what it should.
var errSpool = errors.New("records cannot be kept")

// patience is how long a request waits for room in the spool before it is answered with 429.
const patience = 500 * time.Millisecond

// ServeHTTP takes a request's records in and answers it.
func (s *Source) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err == nil && !s.set.Peers.Allow(peer.Addr()) {
		s.answer(w, r, http.StatusForbidden, errors.New("this address may not send: allowed_sources does not name it"))
		return
	}
	if !s.door.admits(r) {
		w.Header().Set("WWW-Authenticate", s.door.challenge())
		s.answer(w, r, http.StatusUnauthorized, errors.New("the request shows no password, token or access key that is right"))
		return
	}
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		w.Header().Set("Allow", "POST, PUT")
		s.answer(w, r, http.StatusMethodNotAllowed, errors.New("logs are posted"))
		return
	}
	memory := &reservation{src: s}
	defer memory.release()
	g := s.groups.Get().(*spool.Group)
	defer s.groups.Put(g)
	g.Reset()
	g.Time = s.set.Now().UnixNano()
	if err := s.readRecords(w, r, g, memory); err != nil {
		s.answer(w, r, statusOf(err), err)
		return
	}
	if err := s.append(r.Context(), g); err != nil {
		s.answer(w, r, statusOf(err), err)
		return
	}
	if err := fault.At("post.stored"); err != nil {
		s.answer(w, r, http.StatusServiceUnavailable, err)
		return
	}
	s.count.bytes.Add(int64(g.Size()))
	s.answer(w, r, http.StatusOK, nil)
}

// readRecords adds the records of a request to g, and the key that tells it from others.
func (s *Source) readRecords(w http.ResponseWriter, r *http.Request, g *spool.Group, memory *reservation) error {
	body, err := s.readBody(w, r, memory)
	if err != nil {
		return err
	}
	copies := int64(1) // the group's
	if isFirehose(r) {
		copies = 3 // and what is in base64, and without
	}
	if !memory.take(copies * int64(len(body))) {
		return errBusy
	}
	g.Key = s.key(r, body)
	splitter := s.splitters.Get().(*envelope.Splitter)
	defer s.splitters.Put(splitter)
	tooMuch, busy, oversize, room := false, false, int64(0), int64(len(body))
	emit := func(record []byte) {
		if len(record) > s.set.MaxMessage {
			record = record[:s.set.MaxMessage+1] // whoever reads it sees that it is too long, and no more is needed for that
			oversize++
		}
		size := int64(g.Size() + len(record))
		if tooMuch = tooMuch || size > s.set.MaxBody; tooMuch || busy {
			return
		}
		if size > room { // what was compressed within, or stands once for several records
			if busy = !memory.take(size); busy {
				return
			}
			room += size
		}
		g.Add(record)
	}
	if isFirehose(r) {
		err = splitFirehose(r.Header.Get(firehoseID), body, splitter, emit)
	} else {
		err = splitter.Split(body, emit)
	}
	switch {
	case tooMuch, errors.Is(err, envelope.ErrTooLarge):
		return fmt.Errorf("%w: more than %d bytes when decompressed", errTooLarge, s.set.MaxBody)
	case busy:
		return errBusy
	case err != nil:
		return err
	}
	s.count.oversize.Add(oversize)
	return nil
}

// key returns what tells a request from every other, nil when nothing does.
func (s *Source) key(r *http.Request, body []byte) []byte {
	id := r.Header.Get(firehoseID)
	if id == "" {
		id = r.Header.Get("Idempotency-Key")
	}
	switch {
	case s.set.Dedupe == Never:
		return nil
	case id != "" && len(id) <= 100:
		return []byte("id " + id)
	case id != "":
		sum := sha256.Sum256([]byte(id))
		return append([]byte("sum of id "), sum[:]...)
	case len(body) == 0 || s.set.Dedupe == ID, s.set.Dedupe == Auto && !isKong(body):
		return nil
	}
	sum := sha256.Sum256(body)
	return append([]byte("body "), sum[:]...)
}

// isKong reports whether a body has what every record of Kong's log serializer has.
func isKong(body []byte) bool {
	return bytes.Contains(body, []byte(`"started_at":`)) && bytes.Contains(body, []byte(`"latencies":`))
}

// append appends g to the spool.
func (s *Source) append(ctx context.Context, g *spool.Group) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := s.set.Spool.Append(ctx, g)
	switch {
	case errors.Is(err, spool.ErrDuplicate):
		s.count.duplicates.Add(1)
		return nil
	case errors.Is(err, spool.ErrFull), errors.Is(err, spool.ErrTooLarge):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", errSpool, err)
	}
	s.count.records.Add(int64(g.Len()))
	return nil
}

// statusOf returns the status that says what err says.
func statusOf(err error) int {
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, spool.ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errBusy), errors.Is(err, spool.ErrFull):
		return http.StatusTooManyRequests
	case errors.Is(err, errEncoding):
		return http.StatusUnsupportedMediaType
	case errors.Is(err, errSpool):
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// answer answers a request, in Firehose's form if it is one of Firehose's.
func (s *Source) answer(w http.ResponseWriter, r *http.Request, status int, failure error) {
	s.count.add(status)
	if failure != nil {
		s.say(status, "a request is refused", "status", status, "peer", r.RemoteAddr, "error", failure)
	}
	header := w.Header()
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		header.Set("Retry-After", "1")
	}
	if status == http.StatusRequestEntityTooLarge || status == http.StatusUnauthorized || status == http.StatusForbidden {
		header.Set("Connection", "close") // the body is not read
	}
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	text := ""
	if failure != nil {
		text = failure.Error()
	}
	var body any = struct {
		Error string `json:"error,omitempty"`
	}{text}
	if isFirehose(r) {
		body = firehoseAnswer{RequestID: r.Header.Get(firehoseID), Timestamp: s.set.Now().UnixMilli(), Error: text}
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic("BUG: an answer that is no JSON: " + err.Error())
	}
	header.Set("Content-Length", fmt.Sprint(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b)
}
