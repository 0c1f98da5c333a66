package file

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// errBomb is what reading compressed content that grows past its bounds ends with.
var errBomb = errors.New("decompresses to more than is allowed")

// errNotRegular says that a path leads to something that must not be read as a log.
var errNotRegular = errors.New("not a regular file")

// Bounds of decompression.
const (
	freeDecompressed = 64 << 20 // below this the ratio is not looked at
	maxZstdWindow    = 64 << 20 // memory a zstd file may ask for
)

// content is the bytes of an open file, decompressed. It is not safe for concurrent use.
type content struct {
	f     *os.File
	codec codec
	limit int64 // of decompressed bytes

	// Compressed files only. They are read in order; what was read and not used yet is held.
	stream io.Reader
	zstd   *zstd.Decoder
	at     int64  // position after held
	held   []byte // ends at at
}

// openContent opens the file at path. Opening does not block on what is not a file.
func openContent(path string, c codec) (*content, info, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, info{}, err
	}
	i, err := statFile(f)
	if err == nil && !i.regular {
		err = &os.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	if err != nil {
		f.Close()
		return nil, info{}, err
	}
	return &content{f: f, codec: c}, i, nil
}

func (c *content) close() {
	c.reset()
	c.f.Close()
}

// bound sets how far a file of size compressed bytes may decompress.
func (c *content) bound(s *Settings, size int64) {
	c.limit = min(s.MaxDecompressed, max(freeDecompressed, size*s.MaxRatio))
}

// reset forgets what the decompressor knows: reading begins at the file's beginning again.
func (c *content) reset() {
	if c.zstd != nil {
		c.zstd.Close()
	}
	c.stream, c.zstd, c.at, c.held = nil, nil, 0, nil
}

// readAt fills buf from position pos as far as there is content. n < len(buf) only with an error: io.EOF at the end,
// io.ErrUnexpectedEOF when compressed content breaks off. A compressed file is cheap to read only in order, that is at the
// position after what the last readAt returned, less what unread was given of it.
func (c *content) readAt(buf []byte, pos int64) (n int, err error) {
	if c.codec == plain {
		return c.f.ReadAt(buf, pos)
	}
	if c.stream == nil || pos < c.at-int64(len(c.held)) {
		if err := c.start(); err != nil {
			return 0, err
		}
	}
	if skip := pos - (c.at - int64(len(c.held))); skip > 0 {
		k := min(skip, int64(len(c.held)))
		c.held = c.held[k:]
		m, err := io.CopyN(io.Discard, c.stream, skip-k)
		c.at += m
		if err == nil && c.at > c.limit {
			err = errBomb
		}
		if err != nil {
			return 0, err
		}
	}
	n = copy(buf, c.held)
	c.held = c.held[n:]
	for n < len(buf) {
		m, err := c.stream.Read(buf[n:])
		n += m
		c.at += int64(m)
		if c.at > c.limit {
			return n, errBomb
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// unread gives back the end of what the last readAt returned.
func (c *content) unread(rest []byte) {
	if c.codec != plain && len(rest) > 0 {
		c.held = append(append(make([]byte, 0, len(rest)+len(c.held)), rest...), c.held...)
	}
}

// start begins decompressing at the file's beginning.
func (c *content) start() error {
	c.reset()
	if _, err := c.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReaderSize(c.f, 64<<10)
	if _, err := in.Peek(1); err == io.EOF { // created, and not written yet
		return io.ErrUnexpectedEOF
	}
	switch c.codec {
	case gz:
		r, err := gzip.NewReader(in)
		if err != nil {
			return noEOF(err)
		}
		c.stream = r
	case zst:
		r, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return noEOF(err)
		}
		c.stream, c.zstd = r, r
	default:
		panic(fmt.Sprintf("BUG: codec %q", c.codec))
	}
	return nil
}

// noEOF makes an end inside the compressed header one that is not expected.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// matches reports whether the content has the bytes of which p is the fingerprint.
func (c *content) matches(p print) bool {
	if p.N == 0 {
		return true
	}
	buf := make([]byte, p.N)
	if n, err := c.readAt(buf, p.At-int64(p.N)); n < len(buf) && err != nil {
		return false
	}
	return printOf(buf, p.At) == p
}
