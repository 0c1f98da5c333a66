package file

import (
	"bytes"
	"errors"
	"io"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

// maxHeader bounds a header line. One that is longer is none.
const maxHeader = 16 << 10

// addHeaders notes the header lines of b, before it is sent.
func (p *partition) addHeaders(b *batch.Batch) {
	mark := p.src.set.Header
	if mark == "" || b.Oversize > 0 {
		return
	}
	eachHeader(b.Data, mark, func(at int, line []byte) { p.pub.Headers.Add(b.First+int64(at), line) })
}

// eachHeader calls f for the lines of data, which begins with a line, that begin with mark.
func eachHeader(data []byte, mark string, f func(at int, line []byte)) {
	for at := 0; ; {
		if bytes.HasPrefix(data[at:], []byte(mark)) {
			line, _, _ := bytes.Cut(data[at:], []byte{'\n'})
			if line = bytes.TrimSuffix(line, []byte{'\r'}); len(line) <= maxHeader {
				f(at, line)
			}
		}
		n := bytes.Index(data[at:], []byte("\n"+mark))
		if n < 0 {
			return
		}
		at += n + 1
	}
}

// headerBefore looks for the last header in what lies before the position at which f goes on, and puts it in force from there. It is
// not saved: the file itself has it.
func (p *partition) headerBefore(f *file) error {
	mark := p.src.set.Header
	if mark == "" || f.pos == 0 {
		return nil
	}
	var last []byte
	buf := make([]byte, 256<<10)
	kept := 0 // of a line that goes on
	for pos := int64(0); pos < f.pos; {
		n, err := f.c.readAt(buf[kept:min(int64(len(buf)), int64(kept)+f.pos-pos)], pos)
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				break
			}
			return noEOF(err)
		}
		pos += int64(n)
		data := buf[:kept+n]
		whole := bytes.LastIndexByte(data, '\n') + 1
		eachHeader(data[:whole], mark, func(_ int, line []byte) { last = append(last[:0], line...) })
		if kept = copy(buf, data[whole:]); kept == len(buf) {
			kept = 0 // a line too long for a header
		}
	}
	if last != nil {
		p.pub.Headers.Add(f.base+f.pos, last)
	}
	return nil
}
