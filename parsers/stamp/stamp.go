// Package stamp reads the times and numbers that gateways write, without allocating.
//
// All times are Unix nanoseconds. A time outside the years 1900 to 2200 is no time: nanoseconds in an int64 end in 2262, and
// what a log says beyond that is garbage. Lengths of time are read exactly, in integers: a float would round them.
package stamp

import (
	"encoding/binary"
	"time"
)

// Cache remembers the last time of each form: logs repeat the second, and nearly always the day. It is used by one goroutine.
type Cache struct {
	clf      [26]byte
	clfNS    int64
	midnight int64 // of clf's day, in nanoseconds, its zone taken off
	clfKnown bool

	iso      [19]byte
	isoNS    int64
	isoKnown bool
}

const (
	minNS = -2208988800 * int64(time.Second) // 1900
	maxNS = 7258118400 * int64(time.Second)  // 2200
)

// CLF reads the Common Log Format's time, `10/Oct/2000:13:55:36 -0700`, without brackets.
func (c *Cache) CLF(b []byte) (ns int64, ok bool) {
	if len(b) != len(c.clf) {
		return 0, false
	}
	if ns, ok = c.SameCLF(b); ok {
		return ns, true
	}
	if b[2] != '/' || b[6] != '/' || b[11] != ':' || b[14] != ':' || b[17] != ':' || b[20] != ' ' {
		return 0, false
	}
	hour, minute, second := digits(b[12:14]), digits(b[15:17]), digits(b[18:20])
	if uint(hour) > 23 || uint(minute) > 59 || uint(second) > 60 {
		return 0, false
	}
	if !c.clfKnown || string(b[:11]) != string(c.clf[:11]) || string(b[21:]) != string(c.clf[21:]) {
		zone, zoneOK := zoneOf(b[21:])
		midnight, dayOK := day(digits(b[7:11]), monthOf(b[3], b[4], b[5]), digits(b[0:2]))
		if !zoneOK || !dayOK {
			return 0, false
		}
		c.midnight = midnight - zone*int64(time.Second)
	}
	copy(c.clf[:], b)
	c.clfKnown = true
	c.clfNS = c.midnight + int64(hour*3600+minute*60+second)*int64(time.Second)
	return c.clfNS, true
}

// SameCLF is CLF for a time that is the same as the last one; for any other ok is false. A few words are compared faster than slices of any length.
func (c *Cache) SameCLF(b []byte) (ns int64, ok bool) {
	if len(b) != len(c.clf) || !c.clfKnown {
		return 0, false
	}
	word := func(b *[26]byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	a := (*[26]byte)(b)
	other := (word(a, 0) ^ word(&c.clf, 0)) | (word(a, 8) ^ word(&c.clf, 8)) | (word(a, 16) ^ word(&c.clf, 16)) | (word(a, 18) ^ word(&c.clf, 18))
	return c.clfNS, other == 0
}

// ISO reads ISO 8601 as RFC 3339 and gateways write it: `2016-09-21T23:00:00+00:00`, with `T` or a space, up to nine digits
// of a fraction behind `.` or `,`, and `Z`, `+00:00`, `+0000` or nothing (which is UTC) as its zone.
func (c *Cache) ISO(b []byte) (ns int64, ok bool) {
	if len(b) < 19 {
		return 0, false
	}
	if !c.isoKnown || string(b[:19]) != string(c.iso[:]) {
		if b[4] != '-' || b[7] != '-' || b[10] != 'T' && b[10] != ' ' && b[10] != 't' || b[13] != ':' || b[16] != ':' {
			return 0, false
		}
		ns, ok = instant(digits(b[0:4]), digits(b[5:7]), digits(b[8:10]), digits(b[11:13]), digits(b[14:16]), digits(b[17:19]))
		if !ok {
			return 0, false
		}
		copy(c.iso[:], b)
		c.isoNS, c.isoKnown = ns, true
	}
	ns, b = c.isoNS, b[19:]
	if len(b) > 1 && (b[0] == '.' || b[0] == ',') {
		unit, i := int64(time.Second), 1
		for ; i < len(b) && isDigit(b[i]); i++ {
			if unit /= 10; unit == 0 {
				return 0, false
			}
			ns += int64(b[i]-'0') * unit
		}
		if i == 1 {
			return 0, false
		}
		b = b[i:]
	}
	switch {
	case len(b) == 0 || len(b) == 1 && (b[0] == 'Z' || b[0] == 'z'):
		return ns, true
	case len(b) > 1 && b[0] == ' ':
		b = b[1:]
	}
	zone, ok := zoneOf(b)
	return ns - zone*int64(time.Second), ok
}

// zoneOf reads `+0200`, `-07:00`; the result is in seconds.
func zoneOf(b []byte) (seconds int64, ok bool) {
	if len(b) != 5 && (len(b) != 6 || b[3] != ':') || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	h, m := digits(b[1:3]), digits(b[len(b)-2:])
	if uint(h) > 18 || uint(m) > 59 {
		return 0, false
	}
	seconds = int64(h*3600 + m*60)
	if b[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

func monthOf(a, b, c byte) int {
	switch uint32(a)<<16 | uint32(b)<<8 | uint32(c) {
	case 'J'<<16 | 'a'<<8 | 'n':
		return 1
	case 'F'<<16 | 'e'<<8 | 'b':
		return 2
	case 'M'<<16 | 'a'<<8 | 'r':
		return 3
	case 'A'<<16 | 'p'<<8 | 'r':
		return 4
	case 'M'<<16 | 'a'<<8 | 'y':
		return 5
	case 'J'<<16 | 'u'<<8 | 'n':
		return 6
	case 'J'<<16 | 'u'<<8 | 'l':
		return 7
	case 'A'<<16 | 'u'<<8 | 'g':
		return 8
	case 'S'<<16 | 'e'<<8 | 'p':
		return 9
	case 'O'<<16 | 'c'<<8 | 't':
		return 10
	case 'N'<<16 | 'o'<<8 | 'v':
		return 11
	case 'D'<<16 | 'e'<<8 | 'c':
		return 12
	}
	return 0
}

// instant checks a date's parts and returns it, as UTC, in nanoseconds. A leap second is the next minute's first.
func instant(year, month, d, hour, minute, second int) (ns int64, ok bool) {
	midnight, ok := day(year, month, d)
	if !ok || uint(hour) > 23 || uint(minute) > 59 || uint(second) > 60 {
		return 0, false
	}
	return midnight + int64(hour*3600+minute*60+second)*int64(time.Second), true
}

// day returns the midnight, as UTC, at which a date begins, in nanoseconds.
func day(year, month, d int) (ns int64, ok bool) {
	if year < 1900 || year > 2199 || month < 1 || month > 12 || d < 1 || d > daysIn(year, month) {
		return 0, false
	}
	return int64(daysFromCivil(year, month, d)) * 86400 * int64(time.Second), true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysFromCivil returns the days since 1970-01-01 of a date after year 0: years are taken to begin in March, so that the
// leap day is a year's last.
func daysFromCivil(year, month, day int) int {
	if month <= 2 {
		year--
		month += 12
	}
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468
}

// digits returns the number that b, short and all digits, is; -1 if it is none.
func digits(b []byte) int {
	n := 0
	for _, c := range b {
		if !isDigit(c) {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

func isDigit(c byte) bool { return c-'0' <= 9 }
