package batch

import (
	"math"
	"sync/atomic"
)

// Headers are the lines of a log that say what the lines behind them hold, `#Fields:` of a W3C log: each is in force from an offset
// until the next. Which header a line has is so a function of the log's bytes before it, for all workers and after a restart. The
// zero value is none. It is safe for concurrent use: the source adds, workers look up.
type Headers struct{ list atomic.Pointer[[]header] }

type header struct {
	from int64
	line []byte
}

// Add puts line in force from the offset `from` on. The source calls it before it sends the batch with the first line that it is for,
// and with offsets that ascend; it copies line. One that is in force already adds nothing.
func (h *Headers) Add(from int64, line []byte) {
	var old []header
	if p := h.list.Load(); p != nil {
		old = *p
	}
	if n := len(old); n > 0 {
		switch last := &old[n-1]; {
		case from < last.from || string(line) == string(last.line):
			return
		case from == last.from: // the header at a file's beginning, where that of the file before was in force
			old = old[: n-1 : n-1]
		}
	}
	list := append(old[:len(old):len(old)], header{from, append([]byte(nil), line...)})
	h.list.Store(&list)
}

// At returns the header in force at offset, nil when none is known, and the offsets between which it is: lines outside have to be
// looked up anew. line must not be written.
func (h *Headers) At(offset int64) (line []byte, from, until int64) {
	from, until = math.MinInt64, math.MaxInt64
	p := h.list.Load()
	if p == nil {
		return nil, offset, offset // more may come
	}
	for i := len(*p) - 1; i >= 0; i-- {
		if e := &(*p)[i]; e.from <= offset {
			return e.line, e.from, until
		}
		until = (*p)[i].from
	}
	return nil, from, until
}

// Forget drops the headers that are in force only below offset.
func (h *Headers) Forget(offset int64) {
	p := h.list.Load()
	if p == nil {
		return
	}
	n := 0
	for n+1 < len(*p) && (*p)[n+1].from <= offset {
		n++
	}
	if n > 0 {
		list := append([]header(nil), (*p)[n:]...)
		h.list.Store(&list)
	}
}
