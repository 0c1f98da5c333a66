package push

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/gatemeter/gatemeter/internal/servers"
	"github.com/gatemeter/gatemeter/sources/spool"
)

func TestTooLarge(t *testing.T) {
	w := start(t, how{})
	w.wantStatus(w.post(bytes.NewReader(make([]byte, 1<<20+1))), 413, "too large")
	w.wantStatus(w.post(io.LimitReader(neverEnding('a'), 8<<20)), 413, "too large") // no Content-Length
	w.wantStatus(w.post(strings.NewReader(strings.Repeat(clf+"\n", (1<<20)/(len(clf)+1)))), 200, "")
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.wantStatus(w.post(bytes.NewReader(encoder.EncodeAll(make([]byte, 64<<20), nil)), "Content-Encoding", "zstd"), 413, "when decompressed")
	if w.reserved.Load() != 0 {
		t.Errorf("%d bytes are still reserved", w.reserved.Load())
	}
}

type neverEnding byte

func (b neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

// TestBomb: a gibibyte in a mebibyte is refused with as little memory as anything too large, whichever way it is wrapped.
func TestBomb(t *testing.T) {
	w := start(t, how{})
	part := zip(string(make([]byte, 1<<20)))
	bomb := bytes.Repeat(part, 1<<10)
	if len(bomb) > 1<<20 || len(bomb) < 1<<19 {
		bomb = bytes.Repeat(part, (1<<20)/len(part))
	}
	allocated := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.TotalAlloc
	}
	before := allocated()
	w.wantStatus(w.post(bytes.NewReader(bomb), "Content-Encoding", "gzip"), 413, "when decompressed")
	w.wantStatus(w.post(bytes.NewReader(bomb)), 413, "when decompressed")
	firehose := `{"requestId":"1","timestamp":1,"records":[{"data":"` + base64.StdEncoding.EncodeToString(bomb[:len(bomb)/2]) + `"}]}`
	w.wantStatus(w.post(strings.NewReader(firehose), firehoseID, "1"), 413, "when decompressed")
	// Many records that are small enough each.
	record := `{"data":"` + base64.StdEncoding.EncodeToString(zip(strings.Repeat(strings.Repeat("x", 99)+"\n", 9000))) + `"}`
	firehose = `{"requestId":"2","timestamp":1,"records":[` + strings.TrimSuffix(strings.Repeat(record+",", 100), ",") + `]}`
	w.wantStatus(w.post(strings.NewReader(firehose), firehoseID, "2"), 413, "when decompressed")
	if got := allocated() - before; got > 64<<20 {
		t.Errorf("%d MB were allocated", got>>20)
	}
	if w.spool.Next() != 0 || w.reserved.Load() != 0 {
		t.Errorf("%d records, %d bytes reserved", w.spool.Next(), w.reserved.Load())
	}
}

// TestMemoryIsShared: what requests hold together is bounded; who finds nothing left is told to try again.
func TestMemoryIsShared(t *testing.T) {
	w := start(t, how{})
	w.reserved.Store(budget*w.set.MaxBody - 10<<10)
	big := strings.Repeat(clf+"\n", 1000)
	r := w.post(strings.NewReader(big))
	w.wantStatus(r, 429, "try again")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w.reserved.Store(0)
	w.wantStatus(w.post(strings.NewReader(big)), 200, "")
	// What a post becomes counts too: here each record has a resource that stands once in it.
	request := `{"resourceLogs":[{"resource":{"a":"` + strings.Repeat("x", 900) + `"},"scopeLogs":[{"logRecords":[{}` + strings.Repeat(",{}", 20) + `]}]}]}`
	w.reserved.Store(budget*w.set.MaxBody - 10<<10)
	w.wantStatus(w.post(strings.NewReader(request)), 429, "try again")
	if left := w.reserved.Load(); left != budget*w.set.MaxBody-10<<10 {
		t.Errorf("%d bytes are reserved", left)
	}
	w.reserved.Store(0)
	w.wantStatus(w.post(strings.NewReader(request)), 200, "")
}

// TestFull: a full spool is answered with 429, and nothing that was answered with 200 is lost.
func TestFull(t *testing.T) {
	w := start(t, how{unread: true, spool: func(s *spool.Settings) { s.MaxBytes = 4 << 20 }})
	body := strings.Repeat(clf+"\n", 5000)
	stored := int64(0)
	for {
		r := w.post(strings.NewReader(body))
		if r.status == 429 {
			w.wantStatus(r, 429, "the spool is full")
			if r.header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
			}
			break
		}
		w.wantStatus(r, 200, "")
		stored += 5000
		if stored > 100_000 {
			t.Fatal("a bounded spool takes everything")
		}
	}
	if w.spool.Next() != stored {
		t.Errorf("%d records in the spool, %d answered", w.spool.Next(), stored)
	}
	w.spool.Trim(w.spool.Durable())
	w.wantStatus(w.post(strings.NewReader(body)), 200, "")
}

func TestClosedSpool(t *testing.T) {
	w := start(t, how{unread: true})
	if err := w.spool.Close(); err != nil {
		t.Fatal(err)
	}
	r := w.post(strings.NewReader(clf))
	w.wantStatus(r, 503, "cannot be kept")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestConnections(t *testing.T) {
	w := start(t, how{source: func(s *Settings) { s.Connections = 2 }})
	address := w.Addresses()[0].String()
	var open []net.Conn
	for range 2 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	servers.Await(t, 30*time.Second, func() error {
		if s := w.Stats(); s.Connections != 2 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("one too many: %v", err)
	}
	for _, c := range open {
		c.Close()
	}
	servers.Await(t, 30*time.Second, func() error {
		if s := w.Stats(); s.Connections != 0 || s.Refused != 1 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}
