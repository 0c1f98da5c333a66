package file

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

const (
	headSize = 1024 // bytes of a file's beginning that tell it from others
	tailSize = 256  // bytes before a position that show it to be in the same file still
)

// print is a fingerprint of the N bytes of decompressed content that end at position At.
type print struct {
	At  int64  `json:"at"`
	N   int    `json:"n"`
	Sum string `json:"sum"` // the first 16 bytes of their SHA-256, in hex
}

// printOf returns the fingerprint of b, which ends at position at.
func printOf(b []byte, at int64) print {
	sum := sha256.Sum256(b)
	return print{At: at, N: len(b), Sum: hex.EncodeToString(sum[:16])}
}

// segment is a physical file's place in its log, as it is saved.
type segment struct {
	Base  int64  `json:"base"`           // logical offset of the first byte of the file's content
	From  int64  `json:"from,omitempty"` // position in the content at which the segment begins
	End   int64  `json:"end,omitempty"`  // logical offset after the last line; 0 while it is read
	Lost  bool   `json:"lost,omitempty"` // it was not found again, and the log goes on after it
	Path  string `json:"path"`           // where it was last seen
	Codec codec  `json:"codec,omitempty"`
	fileID
	Mtime int64 `json:"mtime"` // Unix nanoseconds
	Head  print `json:"head"`  // of at most the first 1024 bytes, as far as they have been read
	Tail  print `json:"tail"`  // of at most 256 bytes before the furthest position read
}

// hole is left in the offsets after a segment that was being read and is not found again. What the run before read after its
// last cursor is not known, and may be indexed: no other line may get the id of one of those.
const hole = 1 << 36

// read returns the logical offset up to which the segment had been read when it was saved.
func (s *segment) read() int64 { return max(s.End, s.Base+s.Tail.At) }

// state is what batch.Batch.State holds.
type state struct {
	Version  int       `json:"version"`
	Segments []segment `json:"segments"`
}

const stateVersion = 1

// maxSegments bounds what is taken from a saved state.
const maxSegments = 1 << 20

// parseState reads a saved state and checks it.
func parseState(b []byte) ([]segment, error) {
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("parse saved state: %w", err)
	}
	if s.Version != stateVersion {
		return nil, fmt.Errorf("parse saved state: version %d is not %d", s.Version, stateVersion)
	}
	if len(s.Segments) == 0 || len(s.Segments) > maxSegments {
		return nil, fmt.Errorf("parse saved state: %d segments", len(s.Segments))
	}
	for i := range s.Segments {
		g := &s.Segments[i]
		ok := g.Head.N >= 0 && g.Head.N <= headSize && g.Head.At == int64(g.Head.N) &&
			g.Tail.N >= 0 && g.Tail.N <= tailSize && g.Tail.At >= int64(g.Tail.N) && g.Tail.At <= 1<<56 &&
			g.Base >= 0 && g.Base <= 1<<56 && g.From >= 0 && g.From <= 1<<56 && (g.End == 0 || g.End >= g.Base+g.From) &&
			(g.Codec == plain || g.Codec == gz || g.Codec == zst)
		if i > 0 {
			before := &s.Segments[i-1]
			ok = ok && before.End != 0 && before.End <= g.Base+g.From
		}
		if !ok {
			return nil, fmt.Errorf("parse saved state: segment %d of %d is not valid", i+1, len(s.Segments))
		}
	}
	return s.Segments, nil
}

// finished is a segment that will not change, with its encoding.
type finished struct {
	segment
	json []byte
}

func finish(s segment) finished {
	b, err := json.Marshal(&s)
	if err != nil {
		panic("BUG: a segment cannot be encoded: " + err.Error())
	}
	return finished{s, b}
}

// encodeState returns the state of the finished segments and, unless nil, the one being read.
func encodeState(done []finished, current *segment) []byte {
	b := fmt.Appendf(nil, `{"version":%d,"segments":[`, stateVersion)
	for i := range done {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, done[i].json...)
	}
	if current != nil {
		if len(done) > 0 {
			b = append(b, ',')
		}
		c := finish(*current)
		b = append(b, c.json...)
	}
	return append(b, "]}"...)
}

// trim drops the segments of which nothing at or above needed is left, but keeps the last.
func trim(done []finished, needed int64, keepLast bool) []finished {
	n := 0
	for n < len(done) && done[n].End <= needed && (n < len(done)-1 || !keepLast) {
		n++
	}
	return slices.Delete(done, 0, n)
}
