package elasticsearch

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// target is where documents go: a data stream, one index, or an index for each day or hour.
type target struct {
	name   string // as configured
	stream bool
	dated  bool
}

// newTarget checks the names users gave.
func newTarget(stream, index string) (target, error) {
	switch {
	case stream != "" && index != "":
		return target{}, errors.New("data_stream and index: only one of them")
	case index != "":
		t := target{name: index, dated: strings.Contains(index, "%")}
		for rest := index; ; {
			_, after, found := strings.Cut(rest, "%")
			if !found {
				break
			}
			if after == "" || !strings.Contains("YmdH", after[:1]) {
				return target{}, fmt.Errorf("index: %q: after %% comes Y, m, d or H", index)
			}
			rest = after[1:]
		}
		return t, checkName("index", string(t.appendName(nil, 0)))
	case stream == "":
		stream = defaultDataStream
	}
	return target{name: stream, stream: true}, checkName("data_stream", stream)
}

// checkName applies the server's rules for names, so that a wrong one is found before the first document.
func checkName(key, name string) error {
	switch {
	case len(name) > 255:
		return fmt.Errorf("%s: longer than 255 bytes", key)
	case name != strings.ToLower(name):
		return fmt.Errorf("%s: %q: only lower case", key, name)
	case strings.ContainsAny(name, "\\/*?\"<>| ,#:"):
		return fmt.Errorf("%s: %q: none of \\ / * ? \" < > | , # : or a space may be in it", key, name)
	case strings.ContainsAny(name[:1], "-_+."):
		return fmt.Errorf("%s: %q: must not begin with -, _, + or a dot", key, name)
	}
	return nil
}

// appendName appends the index of a record of that time (Unix nanoseconds).
func (t *target) appendName(dst []byte, nanos int64) []byte {
	if !t.dated {
		return append(dst, t.name...)
	}
	at := time.Unix(0, nanos).UTC()
	for i := 0; i < len(t.name); i++ {
		if t.name[i] != '%' {
			dst = append(dst, t.name[i])
			continue
		}
		i++
		switch t.name[i] {
		case 'Y':
			dst = at.AppendFormat(dst, "2006")
		case 'm':
			dst = appendTwo(dst, int(at.Month()))
		case 'd':
			dst = appendTwo(dst, at.Day())
		case 'H':
			dst = appendTwo(dst, at.Hour())
		}
	}
	return dst
}

func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// pattern returns the name with what changes from day to day as `*`, and how many bytes come before it.
func (t *target) pattern() (string, int) {
	if !t.dated {
		return t.name, len(t.name)
	}
	first, last := strings.IndexByte(t.name, '%'), strings.LastIndexByte(t.name, '%')
	return t.name[:first] + "*" + t.name[last+2:], first
}
