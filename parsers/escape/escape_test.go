package escape

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestAppend(t *testing.T) {
	f := func(kind Kind, in, want string) {
		t.Helper()
		if got := Append([]byte(">"), []byte(in), kind); string(got) != ">"+want {
			t.Errorf("%q unescaped is %q, want %q", in, got[1:], want)
		}
	}
	f(Hex, `a\x22b\x5Cc`, `a"b\c`)
	f(Hex, `\x2`, `\x2`)
	f(Hex, `\xZZ`, `\xZZ`)
	f(Hex, `\n\"`, `\n\"`)
	f(C, `\"\\\t\xe2\x82`, "\"\\\t\xe2\x82")
	f(C, `a\`, `a\`)
	f(C, `\q`, `\q`)
	f(JSON, `\/\u00e9\n`, "/é\n")
	f(JSON, `\ud83d\ude00`, "😀")
	f(JSON, `\ud83d\u0041\ud83d`, "\uFFFDA\uFFFD")
	f(JSON, `\u12`, `\u12`)
	f(JSON, `\x41`, `A`)
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`a\/b\ud83d\ude00\u0000`))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, kind := range []Kind{Hex, C, JSON} {
			if got := Append(nil, in, kind); len(got) > len(in) {
				t.Errorf("%q grows to %q", in, got)
			}
		}
		var want string
		if json.Unmarshal(append(append([]byte{'"'}, in...), '"'), &want) != nil {
			return
		}
		// What is no UTF-8 becomes U+FFFD there, one for a byte or one for several; here it stays.
		strip := func(b []byte) []byte { return bytes.ReplaceAll(bytes.ToValidUTF8(b, nil), []byte("\uFFFD"), nil) }
		if got := Append(nil, in, JSON); !bytes.Equal(strip(got), strip([]byte(want))) {
			t.Errorf("%q unescaped is %q, want %q", in, got, want)
		}
	})
}
