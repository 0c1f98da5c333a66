package stamp

import (
	"fmt"
	"strings"
	"time"
)

// Layout is a compiled strftime format of which every part has a fixed length, so that it is known where the time ends.
type Layout struct {
	parts  []byte // in pairs: a conversion and 0, or 0 and a byte that stands for itself
	length int
	dated  bool
}

// conversions are the letters a Layout has, and how many bytes each is.
const conversions = "d2e2b3h3m2Y4H2M2S2z5"

// NewLayout compiles a strftime format made of %d %e %b %h %m %Y %H %M %S %T %F %R %z and other bytes.
func NewLayout(format string) (*Layout, error) {
	format = strings.NewReplacer("%T", "%H:%M:%S", "%F", "%Y-%m-%d", "%R", "%H:%M").Replace(format)
	l := &Layout{}
	for i := 0; i < len(format); i++ {
		c := format[i]
		if c != '%' {
			l.parts = append(l.parts, 0, c)
			l.length++
			continue
		}
		if i++; i == len(format) {
			return nil, fmt.Errorf("time format %.200q ends in a %%", format)
		}
		c = format[i]
		at := strings.IndexByte(conversions, c)
		switch {
		case c == '%':
			l.parts = append(l.parts, 0, c)
			l.length++
		case at < 0 || at%2 != 0:
			return nil, fmt.Errorf("time format %.200q: %%%c is not one of %%d %%e %%b %%m %%Y %%H %%M %%S %%T %%F %%R %%z", format, c)
		default:
			l.parts = append(l.parts, c, 0)
			l.length += int(conversions[at+1] - '0')
		}
	}
	have := func(c byte) bool {
		for i := 0; i < len(l.parts); i += 2 {
			if l.parts[i] == c {
				return true
			}
		}
		return false
	}
	l.dated = have('Y') && (have('b') || have('h') || have('m')) && (have('d') || have('e'))
	return l, nil
}

// Len returns how many bytes a time of this layout is.
func (l *Layout) Len() int { return l.length }

// Dated reports whether the layout says which day it is; one that does not, `%z` alone, adds to a time.
func (l *Layout) Dated() bool { return l.dated }

// Parse reads b. Without a zone in the layout it is UTC. Of a layout that is not dated the result is what it adds: the time of
// day less the zone.
func (l *Layout) Parse(b []byte) (ns int64, ok bool) {
	if len(b) != l.length {
		return 0, false
	}
	year, month, d, hour, minute, second, zone := 1970, 1, 1, 0, 0, 0, int64(0)
	for i := 0; i < len(l.parts); i += 2 {
		n := 2
		switch l.parts[i] {
		case 0:
			if b[0] != l.parts[i+1] {
				return 0, false
			}
			n = 1
		case 'd':
			d = digits(b[:2])
		case 'e':
			if b[0] == ' ' {
				d = digits(b[1:2])
			} else {
				d = digits(b[:2])
			}
		case 'b', 'h':
			n, month = 3, monthOf(b[0], b[1], b[2])
		case 'm':
			month = digits(b[:2])
		case 'Y':
			n, year = 4, digits(b[:4])
		case 'H':
			hour = digits(b[:2])
		case 'M':
			minute = digits(b[:2])
		case 'S':
			second = digits(b[:2])
		case 'z':
			n = 5
			if zone, ok = zoneOf(b[:5]); !ok {
				return 0, false
			}
		}
		b = b[n:]
	}
	ns, ok = instant(year, month, d, hour, minute, second)
	return ns - zone*int64(time.Second), ok
}
