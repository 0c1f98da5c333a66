package stamp

import "time"

// Local reads a time of the Common Log Format's form without a zone and with or without a fraction of a second,
// `06/Feb/2009:12:14:14.655`, HAProxy's. It is taken as UTC.
func (c *Cache) Local(b []byte) (ns int64, ok bool) {
	if len(b) < 20 || b[2] != '/' || b[6] != '/' || b[11] != ':' || b[14] != ':' || b[17] != ':' {
		return 0, false
	}
	ns, ok = instant(digits(b[7:11]), monthOf(b[3], b[4], b[5]), digits(b[:2]), digits(b[12:14]), digits(b[15:17]), digits(b[18:20]))
	if !ok {
		return 0, false
	}
	f, ok := fraction(b[20:])
	return ns + f, ok
}

// Clock reads a time of day, `21:02:31` or `21:02:31.250`, and returns how long after midnight it is.
func Clock(b []byte) (ns int64, ok bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, false
	}
	hour, minute, second := digits(b[:2]), digits(b[3:5]), digits(b[6:8])
	if uint(hour) > 23 || uint(minute) > 59 || uint(second) > 60 {
		return 0, false
	}
	f, ok := fraction(b[8:])
	return int64(hour*3600+minute*60+second)*int64(time.Second) + f, ok
}

// fraction reads `.655`, up to nine digits of it, or nothing.
func fraction(b []byte) (ns int64, ok bool) {
	if len(b) == 0 {
		return 0, true
	}
	if b[0] != '.' || len(b) < 2 || len(b) > 10 {
		return 0, false
	}
	unit := int64(time.Second)
	for _, c := range b[1:] {
		if !isDigit(c) {
			return 0, false
		}
		unit /= 10
		ns += int64(c-'0') * unit
	}
	return ns, true
}

// Go reads what Go's Time.String returns, `2023-02-23 16:29:27.53328605 +0000 UTC m=+0.1`: the zone's name and the monotonic
// clock are left aside. It reads Go's quoted forms of RFC 3339 too, as ISO does.
func (c *Cache) Go(b []byte) (ns int64, ok bool) {
	for i, spaces := 0, 0; i < len(b); i++ {
		if b[i] == ' ' {
			if spaces++; spaces == 3 {
				b = b[:i]
			}
		}
	}
	return c.ISO(b)
}

// Zone turns times that were read as UTC into those of a place: the wall clock is the same, the instant another. A wall clock
// that a place has twice (when summer ends) is the first of the two. The zero Zone is UTC. It is used by one goroutine.
type Zone struct {
	location *time.Location
	from, to int64 // of the wall clock, in nanoseconds, where offset holds
	offset   int64
}

// NewZone returns the Zone of location.
func NewZone(location *time.Location) *Zone { return &Zone{location: location} }

// quarter is a stretch within which no place changes its clocks.
const quarter = int64(15 * time.Minute)

// Instant returns the instant at which the place's clock shows what ns, as UTC, shows.
func (z *Zone) Instant(ns int64) int64 {
	if z.location == nil {
		return ns
	}
	if ns < z.from || ns >= z.to {
		z.from = ns - (ns%quarter+quarter)%quarter
		z.to = z.from + quarter
		wall := time.Unix(0, z.from).UTC()
		year, month, day := wall.Date()
		there := time.Date(year, month, day, wall.Hour(), wall.Minute(), wall.Second(), 0, z.location)
		z.offset = z.from - there.UnixNano()
	}
	return ns - z.offset
}
