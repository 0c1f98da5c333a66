package stamp

import "math"

// Int reads a whole number of up to eighteen digits, with or without a minus.
func Int(b []byte) (n int64, ok bool) {
	negative := len(b) > 1 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if n, ok = natural(b); negative {
		n = -n
	}
	return n, ok
}

// Seconds reads decimal seconds, `0.004`, and returns nanoseconds exactly; digits past the ninth of the fraction are left
// out. Negative times and those past 230 years are none.
func Seconds(b []byte) (ns int64, ok bool) { return scaled(b, 9) }

// Millis is Seconds for decimal milliseconds.
func Millis(b []byte) (ns int64, ok bool) { return scaled(b, 6) }

// Micros is Seconds for decimal microseconds.
func Micros(b []byte) (ns int64, ok bool) { return scaled(b, 3) }

// scaled reads a decimal number times ten to the power of places, at most nine.
func scaled(b []byte, places int) (n int64, ok bool) {
	i := 0
	for ; i < len(b) && isDigit(b[i]); i++ {
		if n > maxNS/10 {
			return 0, false
		}
		n = n*10 + int64(b[i]-'0')
	}
	if n > maxNS/powers[places] {
		return 0, false
	}
	whole := i
	if i < len(b) && b[i] == '.' {
		for i++; i < len(b) && isDigit(b[i]); i++ {
			if places > 0 {
				n = n*10 + int64(b[i]-'0')
				places--
			}
		}
		if i == whole+1 && whole == 0 {
			return 0, false
		}
	}
	if i != len(b) || len(b) == 0 {
		return 0, false
	}
	return n * powers[places], true
}

// Decimal reads a number as JSON writes it, `-1`, `173.0`, `1.7267838395395e+18`, and returns it times ten to the power of
// places (at most nine), without what is then left of a fraction. Digits past the eighteenth count as zeros.
func Decimal(b []byte, places int) (n int64, ok bool) {
	if n, ok = natural(b); ok && n <= math.MaxInt64/powers[places] {
		return n * powers[places], true
	}
	n = 0
	i, negative := 0, false
	if len(b) > 0 && b[0] == '-' {
		i, negative = 1, true
	}
	exponent, kept, seen := places, 0, false
	for dot := false; i < len(b); i++ {
		c := b[i]
		if c == '.' && !dot {
			dot = true
			continue
		}
		if !isDigit(c) {
			break
		}
		seen = true
		switch {
		case kept < 18:
			n = n*10 + int64(c-'0')
			if n > 0 {
				kept++
			}
			if dot {
				exponent--
			}
		case !dot:
			exponent++
		}
	}
	if !seen {
		return 0, false
	}
	if i < len(b) {
		e, ok := exponentOf(b[i:])
		if !ok {
			return 0, false
		}
		exponent += e
	}
	for ; exponent > 0 && n > 0; exponent-- {
		if n > math.MaxInt64/10 {
			return 0, false
		}
		n *= 10
	}
	for ; exponent < 0 && n > 0; exponent++ {
		n /= 10
	}
	if negative {
		n = -n
	}
	return n, true
}

// natural reads a number that is one to eighteen digits.
func natural(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// exponentOf reads `e+18`, at most three digits of it.
func exponentOf(b []byte) (e int, ok bool) {
	if b[0] != 'e' && b[0] != 'E' {
		return 0, false
	}
	b = b[1:]
	negative := false
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		negative = b[0] == '-'
		b = b[1:]
	}
	if e = digits(b); len(b) == 0 || len(b) > 3 || e < 0 {
		return 0, false
	}
	if negative {
		e = -e
	}
	return e, true
}

var powers = [...]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// Epoch reads a Unix time in seconds, milliseconds, microseconds or nanoseconds, told apart by how large it is (as seconds it
// would lie past the year 2200, and so on); seconds and milliseconds may have a fraction.
func Epoch(b []byte) (ns int64, ok bool) {
	whole := 0
	for whole < len(b) && isDigit(b[whole]) {
		whole++
	}
	n, ok := Int(b[:whole])
	if !ok {
		if whole != 19 || len(b) != 19 { // nanoseconds of our days
			return 0, false
		}
		if n, ok = Int(b[:18]); !ok {
			return 0, false
		}
		if n > math.MaxInt64/10-1 {
			return 0, false
		}
		n = n*10 + int64(b[18]-'0')
		return n, InRange(n)
	}
	switch {
	case n < secondsEnd:
		ns, ok = Seconds(b)
	case n < millisEnd:
		ns, ok = Millis(b)
	case n < microsEnd:
		ns, ok = Micros(b)
	default:
		ns, ok = n, whole == len(b)
	}
	return ns, ok && InRange(ns)
}

// Numbers below these are Unix times in seconds (to 2286), milliseconds, microseconds; those above are nanoseconds.
const (
	secondsEnd = 1e10
	millisEnd  = 1e13
	microsEnd  = 1e16
)

// EpochDecimal is Epoch for a number as JSON writes it, with an exponent perhaps.
func EpochDecimal(b []byte) (ns int64, ok bool) {
	n, ok := Decimal(b, 0)
	if !ok || n < 0 {
		return 0, false
	}
	places := 0
	switch {
	case n < secondsEnd:
		places = 9
	case n < millisEnd:
		places = 6
	case n < microsEnd:
		places = 3
	}
	ns, ok = Decimal(b, places)
	return ns, ok && InRange(ns)
}

// InRange reports whether ns is a time of the years 1900 to 2199.
func InRange(ns int64) bool { return minNS <= ns && ns < maxNS }
