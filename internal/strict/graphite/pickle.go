package graphite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/gatemeter/gatemeter/internal/strict/grammar"
)

// Carbon-relay sends at most 500 points a message, and carbon takes at most a MiB.
const (
	maxBatch   = 500
	maxMessage = 1 << 20
)

// unpickler reads one message. Of the pickle language it knows what a list of (name, (timestamp, value)) needs, version 2.
type unpickler struct {
	rest []byte
	err  error
}

// parsePickle reads a message without its length.
func parsePickle(message []byte) ([]point, error) {
	u := &unpickler{rest: message}
	u.expect("\x80\x02", "PROTO 2")
	u.expect("]", "EMPTY_LIST")
	u.expect("(", "MARK")
	var points []point
	for u.err == nil && len(u.rest) > 0 && u.rest[0] != 'e' {
		points = append(points, u.point())
	}
	u.expect("e", "APPENDS")
	u.expect(".", "STOP")
	switch {
	case u.err != nil:
		return nil, u.err
	case len(u.rest) > 0:
		return nil, fmt.Errorf("%d bytes after STOP", len(u.rest))
	case len(points) == 0:
		return nil, errors.New("a message without a point")
	case len(points) > maxBatch:
		return nil, fmt.Errorf("a message of %d points", len(points))
	}
	return points, nil
}

func (u *unpickler) point() point {
	var p point
	u.expect("X", "BINUNICODE")
	if n := u.take(4); n != nil {
		p.name = string(u.take(int(binary.LittleEndian.Uint32(n))))
		if u.err == nil {
			u.fail(checkName(p.name))
		}
	}
	stamp := u.number()
	if u.err == nil {
		var err error
		p.time, err = parseTime(stamp)
		u.fail(err)
	}
	p.value = u.number()
	u.expect("\x86", "TUPLE2")
	u.expect("\x86", "TUPLE2")
	return p
}

// number returns an integer or float as parseLine's grammar writes it.
func (u *unpickler) number() string {
	op := u.take(1)
	if op == nil {
		return ""
	}
	switch op[0] {
	case 'J':
		if b := u.take(4); b != nil {
			return strconv.FormatInt(int64(int32(binary.LittleEndian.Uint32(b))), 10)
		}
	case 0x8a: // LONG1
		if n := u.take(1); n != nil && n[0] == 8 {
			if b := u.take(8); b != nil {
				return strconv.FormatInt(int64(binary.LittleEndian.Uint64(b)), 10)
			}
		}
		u.fail(errors.New("LONG1 not of eight bytes"))
	case 'G':
		if b := u.take(8); b != nil {
			s := strconv.FormatFloat(math.Float64frombits(binary.BigEndian.Uint64(b)), 'f', -1, 64)
			if !grammar.IsDecimal(s) {
				u.fail(fmt.Errorf("value %s", s))
			}
			return s
		}
	default:
		u.fail(fmt.Errorf("opcode %#x for a number", op[0]))
	}
	return ""
}

func (u *unpickler) take(n int) []byte {
	if u.err != nil {
		return nil
	}
	if n < 0 || n > len(u.rest) {
		u.err = errors.New("the message ends early")
		return nil
	}
	b := u.rest[:n]
	u.rest = u.rest[n:]
	return b
}

func (u *unpickler) expect(op, name string) {
	if b := u.take(len(op)); u.err == nil && string(b) != op {
		u.err = fmt.Errorf("%x in the place of %s", b, name)
	}
}

func (u *unpickler) fail(err error) {
	if u.err == nil {
		u.err = err
	}
}
