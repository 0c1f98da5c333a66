package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// sinks are servers that take everything at once, so that what is timed is the program that sends. All listen on 127.0.0.1.
type sinks struct {
	graphite, elasticsearch, statsd string // host:port

	mu        sync.Mutex
	requests  map[int64]int64 // by window: Graphite's last value of bench.*.all.requests.count
	documents int64
	counters  int64 // StatsD's requests_total
	bad       error // the first thing that was none of the protocol

	server    *http.Server
	listeners []net.Listener
	running   sync.WaitGroup
}

func listen() (*sinks, error) {
	s := &sinks{requests: map[int64]int64{}}
	open := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.bad = err
			return nil
		}
		s.listeners = append(s.listeners, l)
		return l
	}
	graphite, statsd, elastic := open(), open(), open()
	if s.bad != nil {
		return nil, s.bad
	}
	s.graphite, s.statsd, s.elasticsearch = graphite.Addr().String(), statsd.Addr().String(), elastic.Addr().String()
	s.running.Go(func() { s.lines(graphite, s.point) })
	s.running.Go(func() { s.lines(statsd, s.counter) })
	s.server = &http.Server{Handler: http.HandlerFunc(s.bulk)}
	s.running.Go(func() { _ = s.server.Serve(elastic) }) // it ends with close
	return s, nil
}

func (s *sinks) close() {
	_ = s.server.Close()
	for _, l := range s.listeners {
		_ = l.Close()
	}
	s.running.Wait()
}

// reset forgets what was counted.
func (s *sinks) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.requests)
	s.documents, s.counters, s.bad = 0, 0, nil
}

// counts returns the requests Graphite was told of, -1 when something was no point, and how many documents have come.
func (s *sinks) counts() (requests, documents int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bad != nil {
		return -1, s.documents
	}
	for _, n := range s.requests {
		requests += n
	}
	return requests, s.documents
}

// lines accepts connections of lines and hands each line to take.
func (s *sinks) lines(l net.Listener, take func(line []byte) error) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s.running.Go(func() {
			defer conn.Close()
			in := bufio.NewScanner(conn)
			in.Buffer(make([]byte, 256<<10), 1<<20)
			for in.Scan() {
				if err := take(in.Bytes()); err != nil {
					s.mu.Lock()
					s.bad = errors.Join(s.bad, err)
					s.mu.Unlock()
					return
				}
			}
		})
	}
}

// point reads `path value time`. Of a series and time the last value counts.
func (s *sinks) point(line []byte) error {
	path, rest, ok := bytes.Cut(line, []byte{' '})
	if !ok {
		return fmt.Errorf("%.200q is no point", line)
	}
	if !bytes.HasSuffix(path, []byte(".all.requests.count")) {
		return nil
	}
	value, at, _ := strings.Cut(string(rest), " ")
	n, err := strconv.ParseInt(value, 10, 64)
	time, err2 := strconv.ParseInt(at, 10, 64)
	if err = errors.Join(err, err2); err != nil {
		return fmt.Errorf("%.200q is no point: %w", line, err)
	}
	s.mu.Lock()
	s.requests[time] = n
	s.mu.Unlock()
	return nil
}

// counter reads `requests_total:5|c`, with tags perhaps.
func (s *sinks) counter(line []byte) error {
	name, rest, _ := strings.Cut(string(line), ":")
	value, kind, _ := strings.Cut(rest, "|")
	if !strings.HasSuffix(name, "requests_total") || !strings.HasPrefix(kind, "c") || strings.Contains(kind, "method:,") {
		return nil
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return fmt.Errorf("%.200q is no counter: %w", line, err)
	}
	s.mu.Lock()
	s.counters += int64(n)
	s.mu.Unlock()
	return nil
}

// bulk answers a bulk request as if all its documents had been created.
func (s *sinks) bulk(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	if !strings.HasSuffix(r.URL.Path, "/_bulk") {
		_, _ = io.WriteString(w, `{"version":{"number":"8.19.0"},"cluster_name":"bench"}`)
		return
	}
	n := 0
	buf := make([]byte, 256<<10)
	for {
		k, err := r.Body.Read(buf)
		n += bytes.Count(buf[:k], []byte{'\n'})
		if err != nil {
			break
		}
	}
	n /= 2 // a line says what to do with the next
	s.mu.Lock()
	s.documents += int64(n)
	s.mu.Unlock()
	items := strings.Repeat(`{"create":{"status":201}},`, n)
	_, _ = io.WriteString(w, `{"errors":false,"took":1,"items":[`+strings.TrimSuffix(items, ",")+`]}`)
}
