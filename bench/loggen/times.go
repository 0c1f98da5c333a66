package loggen

import "time"

// times writes moments. Many lines fall into one second, so it keeps what it wrote of the last ones.
type times struct{ seconds [64]second }

// second is one second in the forms that logs have it. Empty for a second not written yet.
type second struct {
	unix  int64
	local []byte // 21/Nov/2026:12:30:10 +0000
	iso   []byte // 2026-11-21T12:30:10+00:00
	http  []byte // Sat, 21 Nov 2026 12:30:10 GMT
	error []byte // 2026/11/21 12:30:10
}

// of returns the second of the moment millis, Unix milliseconds; valid until the next call.
func (t *times) of(millis int64) *second {
	unix := millis / 1000
	s := &t.seconds[unix&63]
	if s.unix != unix || s.local == nil {
		at := time.Unix(unix, 0).UTC()
		s.unix = unix
		s.local = at.AppendFormat(s.local[:0], "02/Jan/2006:15:04:05 -0700")
		s.iso = at.AppendFormat(s.iso[:0], "2006-01-02T15:04:05-07:00")
		s.http = at.AppendFormat(s.http[:0], "Mon, 02 Jan 2006 15:04:05 GMT")
		s.error = at.AppendFormat(s.error[:0], "2006/01/02 15:04:05")
	}
	return s
}
