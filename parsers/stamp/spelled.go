package stamp

import "time"

// Spelled reads a length of time with its units, as Go prints one: `4.529µs`, `1m2.5s`, `123ms`. A number without a unit is 0 or
// none. The unit of a microsecond may be `us`, too.
func Spelled(b []byte) (ns int64, ok bool) {
	if len(b) == 1 && b[0] == '0' {
		return 0, true
	}
	for len(b) > 0 {
		i := 0
		for i < len(b) && (isDigit(b[i]) || b[i] == '.') {
			i++
		}
		places, n := unitOf(b[i:])
		if i == 0 || n == 0 {
			return 0, false
		}
		var part int64
		if places < 0 { // minutes and hours are whole
			if part, ok = Int(b[:i]); !ok || part > int64(maxNS/time.Hour.Nanoseconds()) {
				return 0, false
			}
			part *= int64(time.Minute)
			if places == hours {
				part *= 60
			}
		} else if part, ok = scaled(b[:i], places); !ok {
			return 0, false
		}
		if ns += part; ns < 0 || ns > maxNS {
			return 0, false
		}
		b, ok = b[i+n:], true
	}
	return ns, ok
}

// Units that are no power of ten of a nanosecond.
const (
	minutes = -1
	hours   = -2
)

// unitOf returns the power of ten between the unit that b begins with and a nanosecond, and how many bytes that unit is.
func unitOf(b []byte) (places, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	second := byte(0)
	if len(b) > 1 {
		second = b[1]
	}
	switch c := b[0]; {
	case c == 'n' && second == 's':
		return 0, 2
	case c == 'u' && second == 's':
		return 3, 2
	case len(b) > 2 && b[2] == 's' && (c == 0xC2 && second == 0xB5 || c == 0xCE && second == 0xBC): // µ, and the Greek letter
		return 3, 3
	case c == 'm' && second == 's':
		return 6, 2
	case c == 's':
		return 9, 1
	case c == 'm':
		return minutes, 1
	case c == 'h':
		return hours, 1
	}
	return 0, 0
}
