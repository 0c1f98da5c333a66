package ecs

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strconv"
	"time"
)

// eightDigits is the first number of nine digits.
const eightDigits = 1e8

// appendNumber appends n, which is not negative.
func appendNumber(dst []byte, n int64) []byte {
	switch {
	case n < eightDigits:
		return appendShort(dst, uint64(n))
	case n < eightDigits*eightDigits:
		dst = appendShort(dst, uint64(n)/eightDigits)
		return binary.LittleEndian.AppendUint64(dst, digits(uint64(n)%eightDigits)|'0'*ones)
	}
	return strconv.AppendInt(dst, n, 10)
}

const ones = 0x0101010101010101

// appendShort appends n, which has at most eight digits.
func appendShort(dst []byte, n uint64) []byte {
	d := digits(n)
	zeros := bits.TrailingZeros64(d|1<<56) / 8 // at its beginning; the last digit is none of them
	dst = slices.Grow(dst, 8)
	at := len(dst)
	binary.LittleEndian.PutUint64(dst[at:at+8], (d|'0'*ones)>>(8*zeros))
	return dst[:at+8-zeros]
}

// digits returns the eight digits of n, which has no more, a byte each, the first one lowest: n's halves of four digits, their halves and
// those of these, each time all at once. A quotient is a product with the reciprocal, which is exact in the range there is.
func digits(n uint64) uint64 {
	fours := n/10000 | n%10000<<32
	hundreds := fours * 5243 >> 19 & 0x0000007f0000007f
	twos := hundreds | (fours-hundreds*100)<<16
	tens := twos * 103 >> 10 & 0x000f000f000f000f
	return tens | (twos-tens*10)<<8
}

// clock writes times. Most of a log are of the same day as the one before.
type clock struct {
	day  int64 // since 1970; date is its
	date [len("2006-01-02T")]byte
}

const (
	second = int64(time.Second)
	day    = 24 * 60 * 60 * second
)

// append appends the time (Unix nanoseconds) as RFC 3339 has it, in UTC, without zeros at the end of the fraction.
func (c *clock) append(dst []byte, nanos int64) []byte {
	d, rest := nanos/day, nanos%day
	if rest < 0 {
		d, rest = d-1, rest+day
	}
	if c.day != d || c.date[0] == 0 {
		c.day = d
		time.Unix(d*(day/second), 0).UTC().AppendFormat(c.date[:0], "2006-01-02T")
	}
	dst = append(dst, c.date[:]...)
	s := uint64(rest / second)
	clock := digits(s/3600*1000000+s/60%60*1000+s%60) | '0'*ones // hh0mm0ss
	clock = clock&^(0xff<<16|0xff<<40) | ':'<<16 | ':'<<40
	dst = binary.LittleEndian.AppendUint64(dst, clock)
	if fraction := uint64(rest % second); fraction != 0 {
		dst = append(dst, '.', byte('0'+fraction/eightDigits))
		d := digits(fraction % eightDigits)
		at := len(dst) + 8 - bits.LeadingZeros64(d)/8
		dst = binary.LittleEndian.AppendUint64(dst, d|'0'*ones)[:at]
	}
	return append(dst, 'Z')
}
