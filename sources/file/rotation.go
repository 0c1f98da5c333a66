package file

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"
)

// codec is how a file is compressed, told by its name.
type codec string

const (
	plain codec = ""
	gz    codec = "gzip"
	zst   codec = "zstd"
)

// splitCodec returns name without the ending that says how it is compressed.
func splitCodec(name string) (string, codec) {
	if s, ok := strings.CutSuffix(name, ".gz"); ok && s != "" {
		return s, gz
	}
	if s, ok := strings.CutSuffix(name, ".zst"); ok && s != "" {
		return s, zst
	}
	return name, plain
}

// codecOf returns how a file that begins with head is compressed.
func codecOf(head []byte) codec {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b\x08")): // RFC 1952
		return gz
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")): // RFC 8878
		return zst
	}
	return plain
}

// mark is what rotation has added to a name.
type mark struct {
	number int    // access.log.3; 0: none
	date   string // access.log-20261121-1700: its digits; empty: none
}

// rotated is a reading of a name as that of a rotated log.
type rotated struct {
	live string // the name before rotation
	mark mark
}

// rotations returns how name, without its compression's ending, can be read as a rotation: with the mark at the end
// (access.log.1, access.log-20261121), or before the extension (access.1.log, access-20261121.log: logrotate's `extension`).
func rotations(name string) []rotated {
	var found []rotated
	if live, m, ok := cutMark(name); ok {
		found = append(found, rotated{live, m})
	}
	if dot := strings.LastIndexByte(name, '.'); dot > 0 && dot+1 < len(name) && isLetter(name[dot+1]) {
		if live, m, ok := cutMark(name[:dot]); ok {
			found = append(found, rotated{live + name[dot:], m})
		}
	}
	return found
}

// cutMark cuts the longest mark off the end of s.
func cutMark(s string) (live string, m mark, ok bool) {
	for i := 1; i < len(s)-1; i++ { // the live name keeps a byte, the mark has a separator and a digit
		if s[i] != '.' && s[i] != '-' && s[i] != '_' {
			continue
		}
		if m, ok := parseMark(s[i:]); ok {
			return s[:i], m, true
		}
	}
	return "", mark{}, false
}

// parseMark reads .N, or a date after a dot, dash or underscore: YYYYMMDD or YYYY-MM-DD, and after it more digits and
// separators, for a time or a number; or -SECONDS since 1970, ten digits.
func parseMark(s string) (mark, bool) {
	digits := make([]byte, 0, 24)
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			if len(digits) == cap(digits) {
				return mark{}, false
			}
			digits = append(digits, c)
		case i == 1 || !strings.ContainsRune("-_.:TZ", rune(c)):
			return mark{}, false
		}
	}
	if len(digits) == len(s)-1 { // no separator inside
		switch {
		case s[0] == '.' && len(digits) <= 5:
			n := 0
			for _, d := range digits {
				n = 10*n + int(d-'0')
			}
			return mark{number: n + 1}, true // .0 is a rotation too: 0 means none
		case s[0] == '-' && len(digits) == 10 && digits[0] == '1':
			return mark{date: string(digits)}, true
		}
	}
	if len(digits) < 8 {
		return mark{}, false
	}
	year, month, day := string(digits[:2]), string(digits[4:6]), string(digits[6:8])
	if (year != "19" && year != "20") || month < "01" || month > "12" || day < "01" || day > "31" {
		return mark{}, false
	}
	return mark{date: string(digits)}, true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// sortOldestFirst puts the files of a log into the order they were written in: by date where both names have one, by number
// where both have one, else by the time of the last change; the live file is the last.
//
// Numbers run against time with logrotate (.2 is older than .1), and with it with others. Which it is here is put to the
// vote of neighbours whose times are a second or more apart; logrotate's way wins a tie.
func sortOldestFirst(files []entry) {
	byNumber := slices.Clone(files)
	byNumber = slices.DeleteFunc(byNumber, func(e entry) bool { return e.mark.number == 0 })
	slices.SortFunc(byNumber, func(a, b entry) int { return cmp.Compare(a.mark.number, b.mark.number) })
	votes := 0 // for higher numbers being newer
	for i := 1; i < len(byNumber); i++ {
		switch d := byNumber[i].mtime - byNumber[i-1].mtime; {
		case d >= int64(time.Second):
			votes++
		case -d >= int64(time.Second):
			votes--
		}
	}
	slices.SortStableFunc(files, func(a, b entry) int {
		switch {
		case a.isLive() != b.isLive():
			if a.isLive() {
				return 1
			}
			return -1
		case a.mark.date != "" && b.mark.date != "" && a.mark.date != b.mark.date:
			return cmp.Compare(a.mark.date, b.mark.date)
		case a.mark.number > 0 && b.mark.number > 0 && a.mark.number != b.mark.number:
			if votes > 0 {
				return cmp.Compare(a.mark.number, b.mark.number)
			}
			return cmp.Compare(b.mark.number, a.mark.number)
		case a.mtime != b.mtime:
			return cmp.Compare(a.mtime, b.mtime)
		}
		return cmp.Compare(a.path, b.path)
	})
}
