package push

import (
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Errors of a body, each with a status of its own.
var (
	errTooLarge = errors.New("the body is too large")
	errBusy     = errors.New("too much is being received; try again")
	errEncoding = errors.New("the content encoding is unknown: gzip, deflate, zstd and identity are known")
)

// budget is how much memory all requests together may take, in bodies of the largest size.
const budget = 6

// reservation is a request's part of the memory.
type reservation struct {
	src   *Source
	bytes int64
}

// take reserves n bytes more, and reports whether they may be taken.
func (r *reservation) take(n int64) bool {
	if r.src.reserved.Add(n) > budget*r.src.set.MaxBody {
		r.src.reserved.Add(-n)
		return false
	}
	r.bytes += n
	return true
}

func (r *reservation) release() {
	r.src.reserved.Add(-r.bytes)
	r.bytes = 0
}

// readBody returns a request's body, decompressed.
func (s *Source) readBody(w http.ResponseWriter, r *http.Request, memory *reservation) ([]byte, error) {
	most := s.set.MaxBody
	if r.ContentLength > most {
		return nil, fmt.Errorf("%w: %d bytes, and %d are the most", errTooLarge, r.ContentLength, most)
	}
	if r.ContentLength == 0 {
		return nil, nil
	}
	raw := http.MaxBytesReader(w, r.Body, most)
	var plain io.Reader
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	switch encoding {
	case "", "identity":
		plain = raw
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, bodyError(encoding, err)
		}
		plain = z
	case "deflate":
		z, err := zlib.NewReader(raw)
		if err != nil {
			return nil, bodyError(encoding, err)
		}
		plain = z
	case "zstd":
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, bodyError(encoding, err)
		}
		defer z.Close()
		plain = z
	default:
		return nil, fmt.Errorf("%w, not %.50q", errEncoding, encoding)
	}
	body, err := readBounded(plain, most, max(0, r.ContentLength), memory)
	if err != nil {
		return nil, bodyError(encoding, err)
	}
	return body, nil
}

func bodyError(encoding string, err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return fmt.Errorf("%w: more than %d bytes", errTooLarge, large.Limit)
	case errors.Is(err, errTooLarge), errors.Is(err, errBusy):
		return err
	case encoding != "":
		return fmt.Errorf("read the body, said to be %s: %w", encoding, err)
	}
	return fmt.Errorf("read the body: %w", err)
}

// readBounded reads all of r, at most so many bytes, in memory that grows as it comes: what is said of a size is not believed
// before it is there.
func readBounded(r io.Reader, most, expected int64, memory *reservation) ([]byte, error) {
	var buf []byte
	for {
		if len(buf) == cap(buf) {
			size := max(4<<10, min(expected+1, 256<<10), 2*int64(cap(buf)))
			size = min(size, most+1)
			if int64(len(buf)) > most {
				return nil, fmt.Errorf("%w: more than %d bytes when decompressed", errTooLarge, most)
			}
			if !memory.take(size - int64(cap(buf))) {
				return nil, errBusy
			}
			buf = append(make([]byte, 0, size), buf...)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			if int64(len(buf)) > most {
				return nil, fmt.Errorf("%w: more than %d bytes when decompressed", errTooLarge, most)
			}
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
