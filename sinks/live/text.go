package live

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxName is how much of a name is kept, in bytes.
const maxName = 512

// clean returns s fit for a terminal: what is not a printable character of one or two columns (control bytes, escape
// sequences, bytes that are not UTF-8, marks that turn the writing direction) becomes `?`.
func clean(s string) string {
	s = s[:min(len(s), maxName)]
	if strings.IndexFunc(s, func(r rune) bool { return r == utf8.RuneError || !shown(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r == utf8.RuneError || !shown(r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// shown reports whether r takes one or two columns. Marks take none, so a cell's width could not be known.
func shown(r rune) bool { return unicode.IsPrint(r) && !unicode.Is(unicode.M, r) }

// columns returns how wide r is on a terminal: two for the East Asian wide ranges and emoji (Unicode's EastAsianWidth.txt,
// rounded to blocks).
func columns(r rune) int {
	switch {
	case r < 0x1100:
		return 1
	case r <= 0x115f, 0x2e80 <= r && r <= 0xa4cf, 0xac00 <= r && r <= 0xd7a3, 0xf900 <= r && r <= 0xfaff,
		0xfe30 <= r && r <= 0xfe6f, 0xff00 <= r && r <= 0xff60, 0xffe0 <= r && r <= 0xffe6,
		0x1f300 <= r && r <= 0x1faff, 0x20000 <= r && r <= 0x3fffd:
		return 2
	}
	return 1
}

// width returns how many columns s takes.
func width(s string) int {
	n := 0
	for _, r := range s {
		n += columns(r)
	}
	return n
}

// maxLines is over how many lines a name is wrapped before it is cut.
const maxLines = 3

// wrap cuts s into lines of at most n columns, where it can before a slash or behind a space. What does not fit into maxLines
// ends in "...".
func wrap(s string, n int) []string {
	n = max(n, 8)
	var lines []string
	for width(s) > n {
		if len(lines) == maxLines-1 {
			return append(lines, s[:fit(s, n-3)]+"...")
		}
		cut := fit(s, n)
		if at := strings.LastIndexAny(s[:cut], "/ "); at > cut/2 {
			cut = at
			if s[at] == ' ' {
				cut++
			}
		}
		lines = append(lines, strings.TrimRight(s[:cut], " "))
		s = s[cut:]
	}
	return append(lines, s)
}

// fit returns how many bytes of s fit into n columns.
func fit(s string, n int) int {
	for i, r := range s {
		if n -= columns(r); n < 0 {
			return i
		}
	}
	return len(s)
}

// cut returns s cut to n columns.
func cut(s string, n int) string {
	if width(s) <= n {
		return s
	}
	if n < 4 {
		return s[:fit(s, max(n, 0))]
	}
	return s[:fit(s, n-3)] + "..."
}

// right returns s with spaces before it, n columns wide.
func right(s string, n int) string { return strings.Repeat(" ", max(0, n-width(s))) + s }

// count writes n with commas: 1,234,567.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// rate writes n in so many seconds as a number a second.
func rate(n int64, seconds float64) string {
	if seconds <= 0 {
		return "-"
	}
	r := float64(n) / seconds
	if r >= 999_999.5 {
		return strconv.FormatFloat(r/1e6, 'f', 1, 64) + "M"
	}
	if r >= 999.95 {
		return count(int64(r + 0.5))
	}
	return strconv.FormatFloat(r, 'f', 1, 64)
}

// percent writes part of all. What is not quite nothing or everything is never shown as such.
func percent(part, all int64) string {
	if all == 0 {
		return "-"
	}
	share := 100 * float64(part) / float64(all)
	switch {
	case part > 0 && share < 0.05:
		return "<0.1%"
	case part < all && share >= 99.95:
		return ">99.9%"
	}
	return strconv.FormatFloat(share, 'f', 1, 64) + "%"
}

// seconds writes a length of time: 5.2 ms, 34 ms, 1.20 s, 30.0 s. Below 0: nothing was measured.
func seconds(s float64) string {
	ms := s * 1000
	switch {
	case s < 0:
		return "-"
	case s == 0:
		return "0 ms"
	case ms < 9.95:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	case ms < 999.5:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	case s < 9.995:
		return strconv.FormatFloat(s, 'f', 2, 64) + " s"
	case s < 99.95:
		return strconv.FormatFloat(s, 'f', 1, 64) + " s"
	}
	return strconv.FormatFloat(min(s, 99_999), 'f', 0, 64) + " s"
}

// volume writes an amount of data.
func volume(n float64) string {
	const units = "kMGTPE"
	if n < 999.5 {
		return strconv.FormatFloat(n, 'f', 0, 64) + " B"
	}
	unit := -1
	for n >= 999.5 && unit < len(units)-1 {
		n /= 1000
		unit++
	}
	digits := 1
	if n >= 99.95 {
		digits = 0
	}
	return strconv.FormatFloat(n, 'f', digits, 64) + " " + units[unit:unit+1] + "B"
}

// moment writes an event time, Unix seconds.
func moment(unix int64) string { return time.Unix(unix, 0).UTC().Format("2006-01-02 15:04:05") }

// age writes how long something took or takes, to the second, below a minute to the tenth.
func age(d time.Duration) string {
	if d < time.Minute {
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	}
	return d.Round(time.Second).String()
}
