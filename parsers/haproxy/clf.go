package haproxy

import (
	"bytes"
	"maps"

	"github.com/gatemeter/gatemeter/parsers/field"
)

// CompileCLF compiles what `option httplog clf` and `option tcplog clf` write.
func CompileCLF(fields map[string]field.Op) ([]*Format, error) {
	http, err := Compile(CLF, fields)
	if err != nil {
		return nil, err
	}
	has := maps.Clone(fields)
	for name, op := range fields { // of what HTTP has, a stream has less
		if _, err := Compile(TCPCLF, map[string]field.Op{name: op}); err != nil {
			delete(has, name)
		}
	}
	tcp, err := Compile(TCPCLF, has)
	return []*Format{tcp, http}, err
}

// clfValues is how many values follow the milliseconds in a CLF line without captured headers.
const clfValues = 18

// IsCLF reports whether b, a line of the Common Log Format from its status on, goes on as HAProxy's do: size, two empty values in quotes, a
// port, milliseconds, names in quotes, and so many more values.
func IsCLF(b []byte) bool {
	for i := range 6 {
		var word []byte
		word, b, _ = bytes.Cut(b, []byte{' '})
		switch {
		case i == 2 || i == 3:
			if string(word) != `""` {
				return false
			}
		case i == 5 && len(word) != 3, len(word) == 0 || word[0] == '"':
			return false
		}
	}
	return len(b) > 0 && b[0] == '"' && bytes.Count(b, []byte{' '}) >= clfValues-1
}
